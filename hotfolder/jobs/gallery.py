"""What a project's gallery shows, by the rows of the store; what altered pictures lack of a disclosure."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath
from urllib.parse import quote

from pydantic import ValidationError
from sqlmodel import col, select

from hotfolder.errors import LocalTrouble
from hotfolder.jobs.context import Places, recipe_of
from hotfolder.jobs.model import FileRole, Job, JobFile, Picture
from hotfolder.jobs.states import NEEDS_PERSON, State
from hotfolder.jobs.store import Store
from hotfolder.outbox.faults import local_trouble
from hotfolder.outbox.gallery import manifest_of
from hotfolder.outbox.gallerypage import Gallery, GalleryPicture, Scene
from hotfolder.outbox.names import receipts_folder, safe_name
from hotfolder.outbox.receipts import Receipt, read_receipt
from hotfolder.outbox.removing import unlike
from hotfolder.outbox.sharing import Sharing
from hotfolder.rules.delivery import GALLERY, LABELLED
from hotfolder.rules.recipes import Recipe
from hotfolder.rules.tags import operation_word

PROJECT_FIELD = "{project}"


@dataclass(frozen=True, slots=True)
class Delivered:
    """A job of which pictures were delivered, with its photos."""

    job: Job
    pictures: Sequence[Picture]
    photos: Sequence[JobFile]


def delivered(store: Store, project: str) -> list[Delivered]:
    """The jobs that have delivered into the project's folder in done/, whatever inbox they came from, oldest
    first. `project` is its folder there, or in an inbox."""
    folder = safe_name(project)
    with store.session() as session:
        known = session.exec(select(Job.project).distinct()).all()
        names = [name for name in known if safe_name(name) == folder]
        jobs = session.exec(
            select(Job)
            .where(col(Job.project).in_(names), Job.receipt != "", Job.state != State.WITHDRAWN)
            .order_by(col(Job.created_at), col(Job.id))
        ).all()
        found = []
        for job in jobs:
            pictures = session.exec(select(Picture).where(Picture.job_id == job.id)).all()
            photos = select(JobFile).where(JobFile.job_id == job.id, JobFile.role == FileRole.PHOTO)
            found.append(Delivered(job, pictures, session.exec(photos).all()))
    return found


def with_receipts(jobs: Sequence[Delivered], done: Path, project: str) -> list[Delivered]:
    """These jobs, and before them what only receipts in done/ know of: sets whose records were let go of, and
    those of another daemon. Raises LocalTrouble."""
    folder, known = safe_name(project), {one.job.id for one in jobs}
    receipts = []
    with local_trouble(done):
        place = receipts_folder(done, folder)
        for path in sorted(place.glob("*.json")) if not place.is_symlink() else ():
            receipt = read_receipt(path) if path.is_file() and not path.is_symlink() else None
            if receipt is not None and receipt.job_id not in known and safe_name(receipt.project) == folder:
                receipts.append(receipt)
    earlier = [of_receipt(one, folder) for one in sorted(receipts, key=lambda one: one.finished_at)]
    return [*(one for one in earlier if one.pictures), *jobs]


def of_receipt(receipt: Receipt, folder: str) -> Delivered:
    """A job as its receipt tells it. People can write into that: what lies elsewhere is no picture of it."""
    try:
        recipe = Recipe.model_validate(receipt.recipe)
    except ValidationError:  # of another version
        recipe = Recipe()
    job = Job(
        id=receipt.job_id,
        inbox="",
        project=receipt.project,
        folder=receipt.folder,
        room=receipt.room,
        title=receipt.project,
        recipe=recipe.model_dump_json(),
        created_at=receipt.finished_at,
        updated_at=receipt.finished_at,
    )
    pictures = [
        Picture(
            job_id=receipt.job_id,
            path=one.file,
            sha256=one.sha256,
            width=one.width,
            height=one.height,
            altered=",".join(one.altered),
            rendition=one.rendition,
            variant=one.variant,
        )
        for one in receipt.pictures
        if PurePath(one.file).parts[:1] == (folder,) and ".." not in PurePath(one.file).parts
    ]
    return Delivered(job, pictures, ())


def sharing_of(jobs: Sequence[Delivered], places: Places) -> Sharing:
    """Whose group the gallery is for. Raises LocalTrouble, OSError."""
    named = next((one.job.inbox for one in reversed(jobs) if one.job.inbox in places.inboxes), None)
    return Sharing.of(places.inboxes[named or next(iter(places.inboxes))], places.guard)


def finished_since(store: Store, since: datetime) -> list[Job]:
    """The jobs that have delivered something and came to their end since then, if their project's gallery may
    be made by itself."""
    ended = col(Job.state).in_([State.DONE, *NEEDS_PERSON])
    told = col(Job.recipe).contains('"gallery":true')
    with store.session() as session:
        jobs = select(Job).where(ended, told, Job.receipt != "", col(Job.updated_at) >= since)
        return list(session.exec(jobs).all())


def gallery_address(base_url: str | None, folder: str) -> str:
    """Where a project's gallery is to be seen; empty where nobody said."""
    if base_url is None:
        return ""
    name = quote(folder, safe="")
    if PROJECT_FIELD in base_url:
        return base_url.replace(PROJECT_FIELD, name)
    return f"{base_url.rstrip('/')}/{name}/"


def gallery_of(
    jobs: Sequence[Delivered], places: Places, base_url: str | None = None, language: str = "en"
) -> Gallery:
    """What the gallery of these jobs shows. There is one at the least."""
    newest = {made_of(one.job): one.job.id for one in jobs}
    scenes: dict[str, Scene] = {}
    for one in jobs:
        scene = scene_of(one, places, earlier=newest[made_of(one.job)] != one.job.id)
        key = scene.unaltered.path if scene.unaltered is not None else one.job.id
        known = scenes.get(key)
        if known is not None:  # the merge of several sets: dropped again with another tag
            both = {each.path: each for each in (*known.altered, *scene.altered)}
            earlier = known.earlier and scene.earlier
            scene = Scene(known.room, known.unaltered, tuple(both.values()), earlier)
        if scene.unaltered is not None or scene.altered:
            scenes[key] = scene
    folder = safe_name(jobs[-1].job.project)
    in_order = sorted(scenes.values(), key=lambda scene: scene.room)
    address = gallery_address(base_url, folder)
    return Gallery(jobs[-1].job.title, folder, tuple(in_order), address, language)


def made_of(job: Job) -> tuple[object, ...]:
    """What two jobs have in common of which the later one was to replace the earlier: the room, and what is
    done for it."""
    recipe = recipe_of(job)
    looks = tuple((one.name, tuple(map(operation_word, one.operations))) for one in recipe.altered())
    return (job.inbox, job.project, job.room, looks)


def scene_of(one: Delivered, places: Places, *, earlier: bool) -> Scene:
    whole = [picture for picture in one.pictures if not picture.rendition]
    room = one.job.room

    def shown(picture: Picture) -> GalleryPicture:
        altered = tuple(filter(None, picture.altered.split(",")))
        return GalleryPicture(picture.path, picture.sha256, room, altered, picture.variant)

    unaltered = next((shown(picture) for picture in whole if not picture.altered), None)
    altered = tuple(shown(picture) for picture in whole if picture.altered)
    if unaltered is None and altered and not recipe_of(one.job).merge:
        unaltered = photo_as_taken(one, places)
    return Scene(room, unaltered, altered, earlier)


def photo_as_taken(one: Delivered, places: Places) -> GalleryPicture | None:
    """The photo that was edited as it is: nothing else shows the room unaltered. None where it isn't in done,
    or no browser shows it."""
    for photo in one.photos:
        if photo.develop or photo.let_go_at is not None:
            continue
        for path in places.of_original(one.job, photo):
            if path.is_relative_to(places.done) and os.path.lexists(path):
                return GalleryPicture(str(path.relative_to(places.done)), photo.sha256, one.job.room)
    return None


@dataclass(frozen=True, slots=True)
class Undisclosed:
    """An altered picture, by its path in done/, and what its disclosure lacks, as a sentence."""

    path: str
    what: str


def undisclosed(jobs: Sequence[Delivered], places: Places, base_url: str | None) -> Iterator[Undisclosed]:
    """What the altered pictures of these jobs lack: the label, the unaltered picture, the gallery's page that
    shows both, the address of that page. Reads each of them once. Raises LocalTrouble."""
    folder = safe_name(jobs[-1].job.project)
    page = GalleryOnDisk.read(places.done / folder / GALLERY)
    said: set[str] = set()
    for one in jobs:
        scene = scene_of(one, places, earlier=False)
        labelled = count_labelled(one, places)
        for picture in scene.altered:
            if picture.path in said or not os.path.lexists(places.done / picture.path):
                continue  # what was taken out of done isn't shown to anybody
            said.add(picture.path)
            changed = unlike(places.done / picture.path, picture.sha256)
            if changed:
                yield Undisclosed(picture.path, f"{changed}, so nobody can tell what was altered in it.")
            group = (picture.altered, picture.variant)
            labelled[group] -= 1
            if labelled[group] < 0:
                yield Undisclosed(picture.path, NO_LABEL.format(label=recipe_of(one.job).delivery.label))
            pair = why_no_pair(scene.unaltered, places)
            if pair:
                yield Undisclosed(picture.path, pair)
            yield from (
                Undisclosed(picture.path, what)
                for what in page.lacks(picture, scene.unaltered, gallery_address(base_url, folder))
            )


NO_LABEL = (
    "it has no labelled rendition: set `deliver.label` and drop its photos again; nothing is paid for twice."
)


def count_labelled(one: Delivered, places: Places) -> defaultdict[tuple[tuple[str, ...], str], int]:
    """How many labelled renditions lie in done as they were delivered, by what was altered and variant."""
    found: defaultdict[tuple[tuple[str, ...], str], int] = defaultdict(int)
    for picture in one.pictures:
        if picture.rendition == LABELLED and not unlike(places.done / picture.path, picture.sha256):
            found[tuple(filter(None, picture.altered.split(","))), picture.variant] += 1
    return found


def why_no_pair(unaltered: GalleryPicture | None, places: Places) -> str:
    if unaltered is None:
        return "there is no unaltered picture of it in done."
    changed = unlike(places.done / unaltered.path, unaltered.sha256)
    return f"its unaltered picture {unaltered.path} can't be shown: {changed}." if changed else ""


@dataclass(frozen=True, slots=True)
class GalleryOnDisk:
    """A project's gallery as it lies in done/: `pages` by what they hold, and its pictures that are whole, as
    SHA-256 of each altered one with that of its unaltered one."""

    page: str
    url: str
    pairs: frozenset[tuple[str, str]]

    @classmethod
    def read(cls, place: Path) -> GalleryOnDisk:
        with local_trouble(place):
            try:
                manifest = manifest_of(place)
                page = (place / "index.html").read_text(encoding="utf-8", errors="replace")
            except (LocalTrouble, FileNotFoundError):
                manifest = None
            if manifest is None:
                return cls("", "", frozenset())
            whole = {
                one.sha256
                for one in manifest.pictures
                if one.full in page and not unlike(place / one.full, one.sha256)
            }
        pairs = ((one.sha256, one.unaltered) for one in manifest.pictures if one.altered)
        return cls(page, manifest.url, frozenset(pair for pair in pairs if whole.issuperset(pair)))

    def lacks(self, altered: GalleryPicture, unaltered: GalleryPicture | None, url: str) -> Iterator[str]:
        """What is missing of a link to a page that shows both."""
        if not self.page:
            yield "there is no gallery that shows it: `hotfolder gallery` or deliver.gallery makes it."
        elif unaltered is not None and (altered.sha256, unaltered.sha256) not in self.pairs:
            yield "the gallery doesn't show it beside its unaltered one; `hotfolder gallery` makes it anew."
        elif not url:
            yield "nobody can be given a link to it: set `gallery.base_url`, and make the gallery anew."
        elif self.url != url:
            yield "the gallery's page and QR code lead elsewhere than `gallery.base_url` says: make it anew."
