"""Notices about files and folders that are left untouched in the inbox."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hotfolder.display import visible
from hotfolder.rules.foldernames import AGAIN, COPIES_MARK


@dataclass(frozen=True, slots=True)
class Notice:
    """A message about something that is left untouched. `path` can be printed and stored."""

    path: Path
    text: str

    def text_in(self, inbox: Path) -> str:
        """The text with the folder of that inbox before it in which the subject lies, as in
        `12 Elm Road / kitchen: 'a.jpg' is a link`: rooms of many projects have the same name."""
        return ": ".join(filter(None, (" / ".join(self.path.relative_to(inbox).parts[:-1]), self.text)))


_NAMED = 3


def outside_a_set(root: Path, names: list[str]) -> Notice:
    """For photos in the inbox itself. `names` must be printable."""
    return Notice(
        root,
        f"Left alone in the inbox itself: {_some(names)}. Put each room's photos in a folder of their own, "
        "such as 12 Elm Road/living-room, or a whole shoot's in its project's folder.",
    )


def photos_in_system_folder(parent: Path, name: str) -> Notice:
    """For photos in a system's folder or a hidden one."""
    return Notice(
        parent,
        f"The folder {visible(name)!r} in {parent.name!r} holds photos and is left alone:"
        " computers and NAS boxes keep their own things in folders with such a name. If these are to be made,"
        " give it another name.",
    )


def archives(folder: Path, names: list[str]) -> Notice:
    """For archives (zip files and the like), which are never opened."""
    it = "it" if len(names) == 1 else "each"
    return Notice(
        folder,
        f"Left alone in {folder.name!r}: {_some_names(names)}. hotfolder opens no archives: unpack {it},"
        " and put each room's photos into a folder of their own.",
    )


def _at(folder: Path, name: str) -> Path:
    """The path of that entry of the folder; the folder's own where the name can't be printed."""
    return folder / name if name == visible(name) else folder


def too_deep(folder: Path, inner: str, count: int) -> Notice:
    """For photos in a folder inside a set's folder."""
    photos, stay, them = (
        ("1 photo lies", "stays", "it") if count == 1 else (f"{count} photos lie", "stay", "them")
    )
    return Notice(
        _at(folder, inner),
        f"{photos} in {visible(inner)!r} inside the room {folder.name!r}, deeper than a room's photos, and"
        f" {stay} there. Move {them} up into the room's folder, or make a room of {them}.",
    )


def link(folder: Path, name: str) -> Notice:
    """For a symbolic link."""
    return Notice(
        _at(folder, name),
        f"{visible(name)!r} is a link and is not followed. Put the files themselves here instead.",
    )


def hard_link(folder: Path, name: str) -> Notice:
    """For a file with several hard links, through which it could change during a job."""
    return Notice(
        _at(folder, name),
        f"{visible(name)!r} has a second name elsewhere (a hard link) and could change unseen. "
        "Replace it by a copy.",
    )


def not_a_file(folder: Path, name: str) -> Notice:
    """For a FIFO, socket or device."""
    return Notice(
        _at(folder, name),
        f"{visible(name)!r} is not an ordinary file and is never opened. Remove it.",
    )


def bad_name(parent: Path, name: str, *, folder: bool) -> Notice:
    """For a name that is not UTF-8, which can be neither stored nor printed."""
    what = "The folder" if folder else "The file"
    return Notice(
        parent / visible(name),
        f"{what} '{visible(name)}' has a name that is not UTF-8 and is left alone. Rename it, best "
        "with plain letters and digits.",
    )


def unreadable(path: Path, error: OSError) -> Notice:
    """For a folder that can't be listed."""
    if isinstance(error, PermissionError):
        text = "may not be read by hotfolder. Give the service's user permission to read and write it."
    else:
        text = f"can't be read ({error.strerror or error}). Check the disk or share it lies on."
    return Notice(path, f"The folder {path.name!r} {text}")


def taken_over(root: Path) -> Notice:
    """For an inbox with the marker of another store, as where the disk of `state` is not mounted."""
    return Notice(
        root,
        "Another hotfolder worked with this inbox before, and this one has none of its records. If `state`"
        " was not begun anew on purpose, stop hotfolder and mount the disk of `state`: what is paid for and"
        " not delivered yet is written only there.",
    )


def no_photo_in_room(folder: Path, names: list[str]) -> Notice:
    """For companions in a room's folder without a photo."""
    told = "If they belong to a set that has begun, move them to its originals by hand; else take them away."
    if any("." not in name for name in names):
        told = "A photo is known by the end of its name, such as .jpg: if these are photos, give them theirs."
    return Notice(
        folder,
        f"Left alone in the room {folder.name!r}, where no photo is: {_some_names(names)}. {told}",
    )


def unrelated_files(project: Path, names: list[str]) -> Notice:
    """For files in a project's folder that share no photo's stem."""
    return Notice(
        project,
        f"Left alone in the project's folder {project.name!r}, since no photo there has the same name: "
        f"{_some_names(names)}. In a room's folder every file goes where its photos go.",
    )


def unfinished_return(project: Path, name: str, job: str) -> Notice:
    """For a hidden folder in which a command gathers a set's files to put them back into the inbox. `job` is
    the folder's name without its prefix; where it has a tag too, the files are copies."""
    job, mark, tag = job.partition(COPIES_MARK)
    finish = f"To finish it, run `hotfolder retry {job}` again."
    if mark:
        way = f"run `hotfolder retry {job} --pay-again`" if tag == AGAIN else f"ask for the tag {tag}"
        finish = f"To finish it, {way} again; or delete that folder, whose files are copies."
    return Notice(
        project / name,
        f"A set is being put back into {project.name!r}, or that was broken off: its files lie in {name}. "
        + finish,
    )


def not_renamed(folder: Path, name: str, error: Exception) -> Notice:
    """For a folder with the tag `ok` that could not be renamed to `name`, its name without the tag."""
    why = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return Notice(
        folder,
        f"hotfolder could not rename {folder.name!r} to {visible(name)!r} ({why}), and tries it"
        " again; what was held there waits for it. You can also rename it yourself and put a file named"
        " READY.txt beside its photos.",
    )


def outdated_approval(folder: Path, ready: str, photo: str) -> Notice:
    """For a `.ready` file that is older than a held photo beside it."""
    return Notice(
        folder / ready,
        f"{visible(ready)} is older than {visible(photo)}, and so approves nothing of what is held here. Look"
        " at the photos as they are now, and approve them again.",
    )


def no_locks(root: Path) -> Notice:
    """For an inbox whose file system has no file locks, so that a second daemon can't be detected."""
    return Notice(
        root,
        "The disk or share of this inbox knows no file locks, so that a second hotfolder on it would not be "
        "noticed, and would pay for everything once more. See to it that there is only one.",
    )


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"


def _some_names(raw: list[str]) -> str:
    return _some([visible(name) for name in raw])
