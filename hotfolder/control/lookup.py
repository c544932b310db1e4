"""Folders of photos, looked up by what a person types: a path, PROJECT, or PROJECT/ROOM; and opaque ids."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hotfolder.config.settings import InboxSettings, Settings
from hotfolder.errors import UsageError
from hotfolder.inbox.contents import SetFolder, is_junk_folder
from hotfolder.inbox.scan import scan, scan_folders
from hotfolder.outbox.faults import local_trouble
from hotfolder.rules.foldernames import shown

DIGITS = 20
JOINT = "-"


def opaque(*parts: str) -> str:
    """Hexadecimal digits that stand for these names, whatever bytes are in them."""
    told = "\0".join(parts).encode("utf-8", "surrogateescape")
    return hashlib.sha256(told).hexdigest()[:DIGITS]


def project_id(inbox: str, project: str) -> str:
    return opaque("project", inbox, project)


def folder_id(inbox: str, project: str, folder: str) -> str:
    """Of a room's folder in an inbox; with "" for `folder` of the photos in the project's own."""
    return opaque("folder", inbox, project, folder)


def picture_id(job: str, path: str) -> str:
    """Of a delivered picture, by its path in done/. Begins with its job, which `job_of` tells."""
    return f"{job}{JOINT}{opaque('picture', path)}"


def photo_id(job: str, name: str) -> str:
    """Of an original of a job, by its name. Begins with its job, which `job_of` tells."""
    return f"{job}{JOINT}{opaque('photo', name)}"


def arriving_id(inbox: str, project: str, folder: str, name: str) -> str:
    """Of a photo in a folder of the inbox that is no job yet. Begins with the folder's id, which `job_of`
    tells."""
    return f"{folder_id(inbox, project, folder)}{JOINT}{opaque('photo', name)}"


def job_of(known: str) -> str:
    """The job that the id of a picture or photo begins with; for an arriving one, the id of its folder."""
    return known.partition(JOINT)[0]


@dataclass(frozen=True, slots=True)
class PhotoPlace:
    """A room's folder, or with "" for `folder` a project's, whose photos are a whole shoot. `root` is the
    folder that `inbox` watches; another one where the photos lie elsewhere, and would be treated as there."""

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
        """As `approve` takes it."""
        return f"{self.project}/{self.folder}" if self.folder else self.project

    def seen(self) -> SetFolder | None:
        """What lies in it now, as the inbox sees it; None where there are no photos."""
        key = (self.project, self.folder)
        found = scan_folders(self.root, [key]).folders.get(key)
        return found if found is not None and found.photos else None


def place_of(settings: Settings, folder: Path) -> PhotoPlace:
    """An absolute path as a place; in the first inbox, as a room's folder, where it lies in none."""
    inboxes = {settings.inbox_folder(one): one for one in settings.all_inboxes()}
    if folder.parent in inboxes:
        return PhotoPlace(inboxes[folder.parent], folder.parent, folder.name, "")
    around = next((above for above in folder.parents if above in inboxes), next(iter(inboxes)))
    return PhotoPlace(inboxes[around], folder.parent.parent, folder.parent.name, folder.name)


def places_in(settings: Settings, path: Path) -> list[PhotoPlace]:
    """The folder itself where photos lie in it, else the folders in it that hold some; both for a project's
    folder in an inbox, and for all projects of an inbox. What lies deeper in an inbox is none.
    Raises UsageError where there are none."""
    folder = path.absolute()
    if not folder.is_dir():
        raise UsageError(f"{path} is not a folder.", hint="Give a room's folder, a project's, or an inbox.")
    inboxes = [settings.inbox_folder(inbox) for inbox in settings.all_inboxes()]
    outer = folders_in(folder) if folder in inboxes else [folder]
    candidates = [place_of(settings, one) for each in outer for one in (each, *folders_in(each))]
    looked_at = [one for one in candidates if one.root in inboxes or not set(inboxes) & {*one.path.parents}]
    found = [place for place in looked_at if place.seen() is not None]
    if not found:
        left = left_alone(settings, folder.parent if is_junk_folder(folder.name) else folder)
        if left:
            raise UsageError(f"Nothing in {path} would be made.", hint=" ".join(left))
        raise UsageError(f"There are no photos in {path}, nor in its folders.")
    return found[:1] if found[0].path == folder and found[0].folder else found


def left_alone(settings: Settings, path: Path) -> list[str]:
    """What lies in that folder of an inbox, or below it, and isn't looked into, with the reason: a sentence
    or two for each."""
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
    return sorted(one for one in folder.iterdir() if one.is_dir())


def place_named(settings: Settings, what: str) -> PhotoPlace:
    """A project's or a room's folder that is in an inbox, by its path or by its name there: `12 Elm Road` or
    `12 Elm Road/front`. Raises UsageError."""
    inboxes = [settings.inbox_folder(inbox) for inbox in settings.all_inboxes()]
    found = _in_inboxes(settings, [Path(what).absolute()])
    found = found or _in_inboxes(settings, [inbox / what for inbox in inboxes])
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{what} is in several inboxes.", hint="Give the folder's path.")
    raise UsageError(
        f"There is no folder of a project or room {shown(what)} in {', '.join(map(str, inboxes))}.",
        hint="Drop it there first, then give the folder's path, or its name: project, or project/room.",
    )


def _in_inboxes(settings: Settings, paths: Iterable[Path]) -> list[PhotoPlace]:
    """Those of the paths that are folders of projects or rooms in an inbox."""
    places = [place_of(settings, path) for path in paths if path.is_dir()]
    return [place for place in places if place.root == settings.inbox_folder(place.inbox)]
