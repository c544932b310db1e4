"""Look-up of folders, by what a person types (a path, PROJECT or PROJECT/ROOM), and of pictures, by opaque
ids. Pictures are found in the store's rows or in an inbox, and opened beneath their folder without following
symlinks.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from hotfolder.config.settings import InboxSettings, Settings
from hotfolder.control.opening import places_in_use, reading
from hotfolder.errors import CommandHint, LocalTrouble, Unknown, UsageError
from hotfolder.inbox.contents import SetFolder, is_junk_folder
from hotfolder.inbox.scan import listed, scan, scan_folders
from hotfolder.jobs.context import Places
from hotfolder.jobs.model import FileRole
from hotfolder.jobs.store import Store
from hotfolder.newfiles import open_beneath
from hotfolder.outbox.faults import local_trouble
from hotfolder.paths import is_dir
from hotfolder.pictures.formats import HEAD_BYTES, JPEG_HEAD, PNG_HEAD
from hotfolder.rules.foldernames import quoted, to_nfc, unicode_forms
from hotfolder.telemetry.overview import overview

DIGITS = 20
JOINT = "-"


def opaque(*parts: str) -> str:
    """A hash of these names, as DIGITS hexadecimal digits. Names may contain undecodable bytes."""
    joined = "\0".join(parts).encode("utf-8", "surrogateescape")
    return hashlib.sha256(joined).hexdigest()[:DIGITS]


def project_id(inbox: str, project: str) -> str:
    """The id of a project, in each spelling of its name."""
    return opaque("project", inbox, to_nfc(project))


def folder_id(inbox: str, project: str, folder: str) -> str:
    """The id of a room's folder in an inbox; with "" for `folder`, that of the project's own photos."""
    return opaque("folder", inbox, project, folder)


def picture_id(job: str, path: str) -> str:
    """The id of a delivered picture, by its path in done/. Begins with its job's id, see `job_of`."""
    return f"{job}{JOINT}{opaque('picture', path)}"


def photo_id(job: str, name: str) -> str:
    """The id of an original of a job, by its name. Begins with its job's id, see `job_of`."""
    return f"{job}{JOINT}{opaque('photo', name)}"


def arriving_id(inbox: str, project: str, folder: str, name: str) -> str:
    """The id of a photo in an inbox that has no job yet. Begins with the folder's id, see `job_of`."""
    return f"{folder_id(inbox, project, folder)}{JOINT}{opaque('photo', name)}"


def job_of(known: str) -> str:
    """The job's id in the id of a picture or photo; for an arriving photo the id of its folder."""
    return known.partition(JOINT)[0]


@contextmanager
def explain_missing_job(store: Store, target: str, inbox: str = "") -> Iterator[None]:
    """Within this context, an Unknown for a `project/room` that has no job yet, and a UsageError for one that
    is held, become a UsageError with its reason and hint from `status`. `inbox` limits that to one inbox; ""
    means any."""
    try:
        yield
    except UsageError as error:
        place = to_nfc("/".join(target.rstrip("/").split("/")[-2:]))
        for line in overview(store, pid=None).lines:
            if inbox not in ("", line.inbox):
                continue
            names = [to_nfc(f"{line.project}/{name}") for name in (line.room, line.folder)]
            if not line.job and place in names and (line.held or isinstance(error, Unknown)):
                what = (line.reason or line.words).removesuffix(".")
                raise UsageError(f"{target} is no job yet: {what}.", hint=CommandHint(line.hint)) from None
        raise


@dataclass(frozen=True, slots=True)
class PhotoPlace:
    """A room's folder, or, with "" for `folder`, a project's folder, whose photos are a whole shoot. `root`
    is the inbox's folder; another one for photos outside of the inboxes, which are treated as if in
    `inbox`."""

    inbox: InboxSettings
    root: Path
    project: str
    folder: str

    @property
    def path(self) -> Path:
        return self.root / self.project / self.folder

    @property
    def id(self) -> str:
        return folder_id(self.inbox.title, self.project, self.folder)

    @property
    def project_id(self) -> str:
        return project_id(self.inbox.title, self.project)

    @property
    def name(self) -> str:
        """The name of the folder as `approve` accepts it."""
        return f"{self.project}/{self.folder}" if self.folder else self.project

    def seen(self) -> SetFolder | None:
        """The folder's present content by the inbox's scan; None where it holds no photos."""
        key = (self.project, self.folder)
        found = scan_folders(self.root, [key]).folders.get(key)
        return found if found is not None and found.photos else None


def photo_place_at(settings: Settings, folder: Path) -> PhotoPlace:
    """The place of an absolute path; outside of all inboxes, it is a room's folder of the first inbox."""
    inboxes = {settings.inbox_folder(one): one for one in settings.all_inboxes()}
    if folder.parent in inboxes:
        return PhotoPlace(inboxes[folder.parent], folder.parent, folder.name, "")
    around = next((above for above in folder.parents if above in inboxes), next(iter(inboxes)))
    return PhotoPlace(inboxes[around], folder.parent.parent, folder.parent.name, folder.name)


def places_in(settings: Settings, path: Path) -> list[PhotoPlace]:
    """The places with photos at `path`: a room's folder itself; a project's folder and its rooms; or those of
    all projects of an inbox. Folders deeper in an inbox, and those that can't be read, are ignored. Raises
    UsageError where there are none."""
    folder = path.absolute()
    if not is_dir(folder):
        raise UsageError(f"{path} is not a folder.", hint="Give a room's folder, a project's, or an inbox.")
    inboxes = [settings.inbox_folder(inbox) for inbox in settings.all_inboxes()]
    outer = [folder / name for name in _names_in(folder)] if folder in inboxes else [folder]
    candidates = [
        photo_place_at(settings, one)
        for each in outer
        for one in (each, *(each / name for name in _names_in(each)))
    ]
    looked_at = [one for one in candidates if one.root in inboxes or not set(inboxes) & {*one.path.parents}]
    found = [place for place in looked_at if place.seen() is not None]
    if not found:
        left = ignored_notices(settings, folder.parent if is_junk_folder(folder.name) else folder)
        if left:
            raise UsageError(f"Nothing in {path} would be made.", hint=" ".join(left))
        raise no_photos_error(path)
    return found[:1] if found[0].path == folder and found[0].folder else found


def no_photos_error(path: Path) -> UsageError:
    return UsageError(f"There are no photos in {path}, nor in its folders.")


def ignored_notices(settings: Settings, path: Path) -> list[str]:
    """The notices on what is ignored in that folder of an inbox or below it, each with the reason. Empty
    outside of all inboxes. Raises LocalTrouble."""
    folder = path.absolute()
    inboxes = [settings.inbox_folder(inbox) for inbox in settings.all_inboxes()]
    root = next((inbox for inbox in inboxes if folder.is_relative_to(inbox)), None)
    if root is None:
        return []
    with local_trouble(root):
        found = scan(root)
    obstacles = (one.notice for seen in found.folders.values() for one in seen.obstacles)
    return [notice.text for notice in (*found.notices, *obstacles) if notice.path.is_relative_to(folder)]


def folders_in(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if is_dir(one))


def place_named(settings: Settings, what: str) -> PhotoPlace:
    """The project's or room's folder in an inbox, by its path or its name there: `12 Elm Road` or
    `12 Elm Road/front`. Raises UsageError where there is none, or several inboxes have it."""
    inboxes = [settings.inbox_folder(inbox) for inbox in settings.all_inboxes()]
    found = _in_inboxes(settings, [Path(what).absolute()])
    for spelt in unicode_forms(what):
        found = found or _in_inboxes(settings, [inbox / spelt for inbox in inboxes])
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{what} is in several inboxes.", hint="Give the folder's path.")
    raise UsageError(
        f"There is no folder of a project or room {quoted(what)} in {', '.join(map(str, inboxes))}.",
        hint="Drop it there first, then give the folder's path, or its name: project, or project/room.",
    )


def _in_inboxes(settings: Settings, paths: Iterable[Path]) -> list[PhotoPlace]:
    """The places of those paths that are folders of projects or rooms in an inbox."""
    places = [photo_place_at(settings, path) for path in paths if is_dir(path)]
    return [place for place in places if place.root == settings.inbox_folder(place.inbox)]


MOST_HASHES = 10_000
SHOWN = {"image/jpeg": JPEG_HEAD, "image/png": PNG_HEAD}
"""The first bytes of the picture formats that browsers show, by media type."""


@dataclass(frozen=True, slots=True)
class PicturePlace:
    """A picture's possible paths, each beneath one of the folders `roots`, and all with one name."""

    paths: tuple[Path, ...]
    roots: tuple[Path, ...]


def placed_in(done: Path, name: str) -> PicturePlace:
    """The place of the file at that path beneath `done`."""
    return PicturePlace((done / name,), (done,))


@dataclass(frozen=True, slots=True)
class OpenPicture:
    """A picture's file, opened for reading; the caller closes the `descriptor`. It lies beneath one of the
    folders `roots`. `kind` is its media type where browsers show it, else ""; `version` changes with the
    file."""

    path: Path
    roots: tuple[Path, ...]
    descriptor: int
    size_bytes: int
    kind: str
    version: str


def find_picture(settings: Settings, known: str) -> PicturePlace | None:
    """The place of the delivered picture, original or arriving photo with that id; None for an unknown id.
    The file may be missing. Raises StoreError, LocalTrouble."""
    with reading(settings) as store:
        places = places_in_use(settings, store)
        found = _of_job(store, places, known)
    return found or _arriving(settings, places, known)


def _of_job(store: Store, places: Places, known: str) -> PicturePlace | None:
    job = store.job(job_of(known))
    if job is None:
        return None
    for picture in store.pictures(job.id):
        if picture_id(job.id, picture.path) == known:
            return placed_in(places.done, picture.path)
    for file in store.files(job.id):
        if file.role == FileRole.PHOTO and photo_id(job.id, file.name) == known:
            with suppress(LocalTrouble):  # its inbox is not in the settings any more
                return PicturePlace(tuple(places.original_paths(job, file)), _roots(places))
    return None


def _arriving(settings: Settings, places: Places, known: str) -> PicturePlace | None:
    """The place of a photo in an inbox that belongs to no job yet; None without one."""
    wanted = job_of(known)
    for place in all_places(settings):
        if place.id == wanted:
            seen = place.seen()
            for photo in seen.photos if seen is not None else ():
                if arriving_id(place.inbox.title, place.project, place.folder, photo.name) == known:
                    return PicturePlace((place.path / photo.name,), _roots(places))
    return None


def all_places(settings: Settings) -> Iterator[PhotoPlace]:
    """Every project's and room's folder in the inboxes; unreadable folders are skipped."""
    for inbox in settings.all_inboxes():
        root = settings.inbox_folder(inbox)
        for project in _names_in(root):
            yield PhotoPlace(inbox, root, project, "")
            yield from (PhotoPlace(inbox, root, project, folder) for folder in _names_in(root, project))


def nothing_waits_error() -> Unknown:
    """The error about a folder without photos, whose sets may have been approved meanwhile."""
    return Unknown(
        "Nothing waits here, or not any more.",
        hint="What was approved is among the projects; a folder that was renamed waits under its new name.",
    )


def inboxes_away(settings: Settings) -> list[str]:
    """The names of the inboxes whose folder is missing now."""
    return [one.title for one in settings.all_inboxes() if not is_dir(settings.inbox_folder(one))]


def folder_choices(settings: Settings) -> list[PhotoPlace]:
    """The folders with photos, which can be explained, sorted by inbox and project. Raises LocalTrouble."""
    found = [place for place in all_places(settings) if place.seen() is not None]
    return sorted(found, key=lambda one: (one.inbox.title, one.project, one.folder))


def _names_in(root: Path, *names: str) -> list[str]:
    """The names of the folders in a folder of an inbox, sorted; empty where it can't be read."""
    try:
        with listed(root, *names) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []


def _roots(places: Places) -> tuple[Path, ...]:
    archive = (places.archive,) if places.archive is not None else ()
    return (*places.inboxes.values(), places.done, places.failed, *archive, *places.former_archives)


def open_picture(place: PicturePlace) -> OpenPicture | None:
    """Open the first path that is a regular file, without a symlink below its root; None for none."""
    for path in place.paths:
        root = next((one for one in place.roots if path.is_relative_to(one)), None)
        if root is None or ".." in path.relative_to(root).parts:
            continue
        # ValueError: a NUL in its name.
        with suppress(OSError, ValueError):
            descriptor, opened = open_beneath(root, path), None
            try:
                opened = _opened_picture(place, path, descriptor)
            finally:  # also where reading a share's file fails
                if opened is None:
                    os.close(descriptor)
            if opened is not None:
                return opened
    return None


def content_of(there: OpenPicture) -> str:
    """The SHA-256 of the file, "" where it can't be read. Cached by `version`: a gallery asks for each of its
    pictures several times, perhaps from a share."""
    known = _contents.get(there.version, "")
    if not known:
        with suppress(OSError), os.fdopen(there.descriptor, "rb", closefd=False) as stream:
            known = file_digest(stream, "sha256").hexdigest()
            if len(_contents) >= MOST_HASHES:
                _contents.clear()
            _contents[there.version] = known
    return known


_contents: dict[str, str] = {}


def _opened_picture(place: PicturePlace, path: Path, descriptor: int) -> OpenPicture | None:
    """The opened picture; None for anything but a regular file. Raises OSError."""
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        return None
    head = os.pread(descriptor, HEAD_BYTES, 0)
    kind = next((kind for kind, begins in SHOWN.items() if head.startswith(begins)), "")
    version = "-".join(f"{one:x}" for one in (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns))
    return OpenPicture(path, place.roots, descriptor, facts.st_size, kind, version)
