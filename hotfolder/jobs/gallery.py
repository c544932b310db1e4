"""The content of a project's gallery, from the store's rows; and missing disclosures of altered pictures."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path, PurePath
from urllib.parse import quote

from pydantic import ValidationError
from sqlmodel import col, select

from hotfolder.display import natural_order
from hotfolder.errors import LocalTrouble
from hotfolder.jobs.context import Places, recipe_of
from hotfolder.jobs.model import FileRole, Job, JobFile, Picture
from hotfolder.jobs.queries import files_of, pictures_of
from hotfolder.jobs.states import NEEDS_PERSON, State
from hotfolder.jobs.store import OLDEST_FIRST, Store
from hotfolder.outbox.faults import local_trouble
from hotfolder.outbox.gallery import read_manifest
from hotfolder.outbox.gallerypage import Gallery, GalleryPicture, Scene
from hotfolder.outbox.names import name_key, receipts_folder, safe_name
from hotfolder.outbox.placing import content_mismatch
from hotfolder.outbox.receipts import COMMON_FIELDS, Receipt, read_receipt
from hotfolder.paths import entries, exists, is_file
from hotfolder.rules.delivery import GALLERY, LABELLED
from hotfolder.rules.kinds import operation_word
from hotfolder.rules.recipes import Recipe

PROJECT_FIELD = "{project}"


@dataclass(frozen=True, slots=True)
class Delivered:
    """A job, its delivered pictures and, where they were edited without a merge, its photos."""

    job: Job
    pictures: Sequence[Picture]
    photos: Sequence[JobFile]


def delivered(store: Store, project: str) -> list[Delivered]:
    """The jobs with pictures in the project's folder in done/, or in one whose name differs in case only,
    from all inboxes, oldest first. `project` is the name of its folder there, or in an inbox."""
    folder = name_key(safe_name(project))
    names = [
        name for name in store.rows(select(Job.project).distinct()) if name_key(safe_name(name)) == folder
    ]
    of_project = (col(Job.project).in_(names), Job.receipt != "", Job.state != State.WITHDRAWN)
    jobs = store.rows(select(Job).where(*of_project).order_by(*OLDEST_FIRST))
    # Not job by job: each picture that a visitor of a shared gallery loads comes by here.
    pictures = pictures_of(store, [job.id for job in jobs])
    files = files_of(store, [job.id for job in jobs if not recipe_of(job).merge])
    return [
        Delivered(job, pictures[job.id], [one for one in files[job.id] if one.role == FileRole.PHOTO])
        for job in jobs
        if pictures[job.id]
    ]


def with_receipts(jobs: Sequence[Delivered], done: Path, project: str) -> list[Delivered]:
    """The jobs with pictures in the project's own folder, preceded by those that only receipts in done/ know:
    sets whose records were deleted, and those of another daemon. Raises LocalTrouble."""
    folder, known = safe_name(project), {one.job.id for one in jobs}
    with local_trouble(done):
        jobs = [one for one in jobs if same_folder(done, safe_name(one.job.project), folder)]
        place = receipts_folder(done, folder)
        files = [] if place.is_symlink() else [path for path in entries(place) if path.suffix == ".json"]
        found = [read_receipt(path) for path in files if is_file(path) and not path.is_symlink()]
        receipts = [
            one
            for one in found
            if one and one.job_id not in known and same_folder(done, safe_name(one.project), folder)
        ]
    earlier = [delivered_by_receipt(one) for one in sorted(receipts, key=lambda one: one.finished_at)]
    return [*(one for one in earlier if one.pictures), *jobs]


def same_folder(done: Path, one: str, other: str) -> bool:
    """Whether two names are those of one folder in `done`: on some disks also where they differ in case.
    Raises OSError."""
    if one == other or name_key(one) != name_key(other):
        return one == other
    return exists(done / one) and exists(done / other) and (done / one).samefile(done / other)


def delivered_by_receipt(receipt: Receipt) -> Delivered:
    """A job rebuilt from its receipt, without photos. Receipts may have been edited, so pictures outside of
    its project's folder are left out."""
    folder = safe_name(receipt.project)
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
            job_id=job.id,
            path=one.file,
            altered=",".join(one.altered),
            **one.model_dump(include=COMMON_FIELDS),
        )
        for one in receipt.pictures
        if PurePath(one.file).parts[:1] == (folder,) and ".." not in PurePath(one.file).parts
    ]
    return Delivered(job, pictures, ())


def due_projects(store: Store, since: datetime) -> tuple[list[str], datetime | None]:
    """The projects (folders in done/) whose gallery is to be made automatically, since a job of theirs has
    delivered something and ended at or after `since`; and when the last of these jobs ended, None without
    any."""
    ended = col(Job.state).in_([State.DONE, *NEEDS_PERSON])
    has_gallery = col(Job.recipe).contains('"gallery":true')
    jobs = store.rows(select(Job).where(ended, has_gallery, Job.receipt != "", col(Job.updated_at) >= since))
    due = [job for job in jobs if recipe_of(job).delivery.gallery]
    projects = dict.fromkeys(safe_name(job.project) for job in due)
    return list(projects), max((job.updated_at for job in due), default=None)


def gallery_address(base_url: str | None, folder: str) -> str:
    """The URL of a project's gallery; "" without `base_url`. `base_url` is a template with PROJECT_FIELD, or
    the folder of all galleries."""
    if base_url is None:
        return ""
    name = quote(folder, safe="")
    if PROJECT_FIELD in base_url:
        return base_url.replace(PROJECT_FIELD, name)
    return f"{base_url.rstrip('/')}/{name}/"


def without_overtaken(jobs: Sequence[Delivered]) -> list[Delivered]:
    """The jobs without pictures whose path now belongs to a later job's picture. No file is ever replaced, so
    somebody had removed the earlier one from done/."""
    latest = {picture.path: picture.sha256 for one in jobs for picture in one.pictures}
    return [
        replace(one, pictures=[each for each in one.pictures if latest[each.path] == each.sha256])
        for one in jobs
    ]


def gallery_of(
    jobs: Sequence[Delivered], places: Places, base_url: str | None = None, language: str = "en"
) -> Gallery:
    """The content of the gallery of these jobs, of which there is at least one."""
    newest = {replaces_key(one.job): one.job.id for one in jobs}
    scenes: dict[str, Scene] = {}
    for one in without_overtaken(jobs):
        scene = scene_of(one, places, earlier=newest[replaces_key(one.job)] != one.job.id)
        key = scene.unaltered.path if scene.unaltered is not None else one.job.id
        known = scenes.get(key)
        if known is not None:  # the merge of several sets: dropped again with another tag
            both = {each.path: each for each in (*known.altered, *scene.altered)}
            scene = replace(known, altered=tuple(both.values()), earlier=known.earlier and scene.earlier)
        if any(scene.pictures()):
            scenes[key] = scene
    folder = safe_name(jobs[-1].job.project)
    in_order = sorted(scenes.values(), key=lambda scene: natural_order(scene.room))
    address = gallery_address(base_url, folder)
    return Gallery(jobs[-1].job.title, folder, tuple(in_order), address, language)


def replaces_key(job: Job) -> tuple[object, ...]:
    """A key that two jobs share where the later replaces the earlier: the room and its variants'
    operations."""
    recipe = recipe_of(job)
    looks = tuple((one.name, tuple(map(operation_word, one.operations))) for one in recipe.altered_pictures())
    return (job.inbox, job.project, job.room, looks)


def scene_of(one: Delivered, places: Places, *, earlier: bool) -> Scene:
    looks = {
        look.name: ", ".join(map(operation_word, look.operations))
        for look in recipe_of(one.job).altered_pictures()
    }
    shown = [
        GalleryPicture(picture.path, picture.sha256, picture.kinds, looks.get(picture.variant, ""))
        for picture in one.pictures
        if not picture.rendition
    ]
    unaltered = next((picture for picture in shown if not picture.altered), None)
    altered = tuple(picture for picture in shown if picture.altered)
    if unaltered is None and altered and not recipe_of(one.job).merge:
        unaltered = photo_as_taken(one, places)
    return Scene(one.job.room, unaltered, altered, earlier)


def photo_as_taken(one: Delivered, places: Places) -> GalleryPicture | None:
    """The photo that was edited without a merge, the only unaltered view of the room. None where it isn't in
    done/, or browsers can't show it."""
    for photo in one.photos:
        for path in places.original_paths(one.job, photo):
            kept = not photo.develop and photo.let_go_at is None and path.is_relative_to(places.done)
            if kept and os.path.lexists(path):
                return GalleryPicture(str(path.relative_to(places.done)), photo.sha256)
    return None


def undisclosed(jobs: Sequence[Delivered], places: Places, base_url: str | None) -> Iterator[str]:
    """What the disclosure of these jobs' altered pictures lacks, a sentence each: the label, the unaltered
    picture, the gallery's page that shows both, that page's URL. Hashes the pictures. Raises LocalTrouble."""
    folder = safe_name(jobs[-1].job.project)
    shows = gallery_in(places.done / folder / GALLERY)
    address = gallery_address(base_url, folder)
    named: set[str] = set()
    for one in without_overtaken(jobs):
        unaltered = scene_of(one, places, earlier=False).unaltered
        no_pair = why_no_pair(unaltered, places)
        labels = Counter(
            label_key(each)
            for each in one.pictures
            if each.rendition == LABELLED and not content_mismatch(places.done / each.path, each.sha256)
        )
        for picture in one.pictures:
            path = picture.path
            if path in named or picture.rendition or not picture.altered:
                continue
            named.add(path)
            if not os.path.lexists(places.done / path):
                continue  # a picture that was removed from done/ needs no disclosure
            labels[label_key(picture)] -= 1
            changed = content_mismatch(places.done / path, picture.sha256)
            lacking = (
                changed and f"{changed}, so nobody can tell what was altered in it.",
                NO_LABEL if labels[label_key(picture)] < 0 else "",
                no_pair,
                why_no_link(shows, picture, unaltered, address),
            )
            yield from (f"{path}: {what}" for what in lacking if what)


NO_LABEL = (
    "it has no labelled rendition: set `deliver.label` and drop its photos again; nothing is paid for twice."
)


def label_key(picture: Picture) -> tuple[str, str]:
    """The key that a picture shares with its labelled rendition."""
    return picture.altered, picture.variant


def why_no_pair(unaltered: GalleryPicture | None, places: Places) -> str:
    if unaltered is None:
        return "there is no unaltered picture of it in done."
    changed = content_mismatch(places.done / unaltered.path, unaltered.sha256)
    return f"its unaltered picture {unaltered.path} can't be shown: {changed}." if changed else ""


GalleryPairs = tuple[str, set[tuple[str, str]]]
"""A gallery's URL, and its pairs whose files are both intact: the SHA-256 of the altered picture with that of
its unaltered one."""


def gallery_in(place: Path) -> GalleryPairs | None:
    """The gallery in the folder `place`; None where it has no manifest or no page. Raises LocalTrouble."""
    with local_trouble(place):
        try:
            manifest = read_manifest(place)
            page = (place / "index.html").read_text(encoding="utf-8", errors="replace")
        except (LocalTrouble, FileNotFoundError):
            return None
        every = manifest.pictures if manifest is not None else ()
        whole = {
            one.sha256
            for one in every
            if one.full in page and not content_mismatch(place / one.full, one.sha256)
        }
    pairs = {(one.sha256, one.unaltered) for one in every}
    return (manifest.url, {pair for pair in pairs if whole.issuperset(pair)}) if manifest else None


def why_no_link(
    shows: GalleryPairs | None, altered: Picture, unaltered: GalleryPicture | None, address: str
) -> str:
    """What is missing of a link to a page that shows both; "" for nothing."""
    if shows is None:
        return "there is no gallery that shows it: `hotfolder gallery` or deliver.gallery makes it."
    url, pairs = shows
    if unaltered is not None and (altered.sha256, unaltered.sha256) not in pairs:
        return "the gallery doesn't show it beside its unaltered one; `hotfolder gallery` makes it anew."
    if not address:
        return "nobody can be given a link to it: set `gallery.base_url`, and make the gallery anew."
    return "" if url == address else OTHER_ADDRESS


OTHER_ADDRESS = "the gallery's page and QR code lead elsewhere than `gallery.base_url` says: make it anew."
