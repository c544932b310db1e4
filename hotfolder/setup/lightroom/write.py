"""The plug-in, the presets and darktable's script, made from the rules in force and written into a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path, PurePosixPath, PureWindowsPath

from hotfolder import __version__
from hotfolder.config.rulebooks import rulebook_for
from hotfolder.config.settings import InboxSettings, Settings
from hotfolder.errors import UsageError
from hotfolder.newfiles import folder_at, write_whole
from hotfolder.outbox.faults import TROUBLES, shown
from hotfolder.outbox.names import safe_name
from hotfolder.rules.kinds import FAMILIES
from hotfolder.rules.routes import GroupMode
from hotfolder.rules.tags import TagTable
from hotfolder.setup.lightroom.presets import Value, identity, lua, preset

PLUGIN, PRESETS, DARKTABLE = "hotfolder.lrplugin", "presets", "darktable/hotfolder"
HOW_TO_INSTALL = {
    PLUGIN: "Lightroom Classic: File > Plug-in Manager > Add.",
    PRESETS: "Lightroom Classic: File > Export, right-click User Presets, Import; for whole shoots.",
    DARKTABLE: 'darktable: copy it to its folder `lua`; add `require "hotfolder/hotfolder"` to its `luarc`.',
}
MENU = "Menu.lua"
MARK = "-- Written by `hotfolder lightroom`"
HEAD = f"{MARK}, which writes it anew: changes of your own would be lost.\n"
SHARED = ("Json.lua", "Names.lua", "Rooms.lua", "Drop.lua", "Home.lua")
"""Modules of the plug-in that know nothing of Lightroom. darktable's script uses them as well."""


@dataclass(frozen=True, slots=True)
class Generated:
    """A file's content, and by what one that is there already is known as an earlier one of ours."""

    text: str
    mark: str = MARK


def write(directory: Path, settings: Settings, share: str = "") -> Iterator[Path]:
    """Write everything below `directory`; each file when it is written. `share` is what `root` is called on
    the photographers' computers. Raises UsageError, before anything is written where a file is another's."""
    made = generated(settings, share)
    for name, one in made.items():
        _refuse_foreign(directory / name, one.mark)
    for name, one in made.items():
        path = directory / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, one.text)
        except OSError as error:
            raise _unwritable(directory, error) from None
        yield path


def generated(settings: Settings, share: str = "") -> Mapping[str, Generated]:
    """All files by their path below the folder."""
    menu = Generated(HEAD + f"return {lua(menu_of(settings, share))}\n")
    shipped = files("hotfolder.setup.lightroom")
    made: dict[str, Generated] = {}
    for folder, source in ((PLUGIN, "plugin"), (DARKTABLE, "darktable")):
        for entry in sorted((shipped / source).iterdir(), key=lambda one: one.name):
            if entry.name.endswith((".lua", ".txt")):
                made[f"{folder}/{entry.name}"] = Generated(HEAD + entry.read_text("utf-8"))
        made[f"{folder}/{MENU}"] = menu
    for name in SHARED:
        made[f"{DARKTABLE}/{name}"] = made[f"{PLUGIN}/{name}"]
    for inbox in settings.all_inboxes():
        name = f"{PRESETS}/hotfolder {safe_name(inbox.title)}.lrtemplate"
        folder = there(settings, settings.inbox_folder(inbox), share)
        made[name] = Generated(preset(inbox.title, folder), identity(inbox.title))
    return made


def menu_of(settings: Settings, share: str = "") -> Value:
    """What the plug-in knows of this studio: its inboxes, each with the tags that it understands."""
    return {
        "version": __version__,
        "done": there(settings, settings.done_folder, share),
        "inboxes": [_inbox(settings, inbox, share) for inbox in settings.all_inboxes()],
    }


def _inbox(settings: Settings, inbox: InboxSettings, share: str) -> Value:
    rules = rulebook_for(settings, inbox)
    table = rules.tags
    families = {name: list(family.tags) for name, family in FAMILIES.items()} | {"own": own_tags(table)}
    kinds: dict[str, Value] = {}
    for tags in families.values():
        for tag in tags:
            found = table.find(tag)
            kinds[tag] = [operation.kind for operation in found.operations] if found else []
    return {
        "title": inbox.title,
        "folder": there(settings, settings.inbox_folder(inbox), share),
        # A `.ready` file approves, and where the rules want a person to look, no export does that by itself.
        "ready": not any(route.group is GroupMode.REVIEW for route in rules.routes),
        "families": [{"name": name, "tags": tags} for name, tags in families.items() if tags],
        "kinds": kinds,
    }


def own_tags(table: TagTable) -> list[str]:
    """The studio's own tags as folders spell them: a number behind a blank would be taken for a copy's."""
    return ["-".join(name.split()) for name in table.own]


def there(settings: Settings, folder: Path, share: str) -> str:
    """A folder as the photographers' computers name it; "" where that can't be told."""
    root = settings.root_folder
    if not share or not folder.is_relative_to(root):
        return ""
    windows = "\\" in share or share[1:2] == ":"
    return str((PureWindowsPath if windows else PurePosixPath)(share, *folder.relative_to(root).parts))


def _refuse_foreign(path: Path, mark: str) -> None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unwritable(path, error) from None
    if mark.encode() not in content:
        raise UsageError(
            f"{shown(path)} was not written by hotfolder, and nothing was changed.",
            hint="Move it away, or name another folder with --write.",
        )


def _replace(path: Path, text: str) -> None:
    with folder_at(path.parent) as folder:
        write_whole(folder, path.name, text.encode())


def _unwritable(path: Path, error: OSError) -> UsageError:
    where = error.filename if isinstance(error.filename, str) else path
    what = TROUBLES[error.errno][0] if error.errno in TROUBLES else (error.strerror or str(error)).lower()
    return UsageError(
        f"{shown(where)} can't be written: {what}.",
        hint="Name a folder with --write that you may write to; it is made where it is missing.",
    )
