"""The plug-in, the presets and darktable's script, generated from the current rules into a folder."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path, PurePosixPath, PureWindowsPath
from string import Template

from hotfolder import __version__
from hotfolder.config.rulebooks import rulebook_for
from hotfolder.config.settings import InboxSettings, Settings
from hotfolder.errors import UsageError
from hotfolder.newfiles import folder_at, write_whole
from hotfolder.outbox.faults import TROUBLES, path_text
from hotfolder.outbox.names import safe_name
from hotfolder.rules.kinds import FAMILIES
from hotfolder.rules.tags import TagTable

Value = str | bool | Sequence["Value"] | Mapping[str, "Value"]

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
KEYWORDS = re.compile(
    "(and|break|do|else|elseif|end|false|for|function|goto|if|in|local|nil|not|or|repeat|return|then|true|until"
    "|while)\\Z"
)
ESCAPED = re.compile(r'[\x00-\x1f\x7f"\\]')


def to_lua(value: Value, depth: int = 0) -> str:
    """`value` as Lua source; a table has one entry a line, indented by tabs."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + ESCAPED.sub(_escape, value) + '"'
    indent = "\t" * depth
    lines = [f"{indent}\t{line},\n" for line in _entries(value, depth + 1)]
    return "{\n" + "".join(lines) + indent + "}" if lines else "{}"


def _entries(value: Sequence[Value] | Mapping[str, Value], depth: int) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            plain = NAME.match(name) and not KEYWORDS.match(name)
            written = name if plain else f"[{to_lua(name)}]"
            yield f"{written} = {to_lua(inner, depth)}"
    else:
        yield from (to_lua(inner, depth) for inner in value)


def _escape(found: re.Match[str]) -> str:
    return "\\" + found[0] if found[0] in '"\\' else f"\\{ord(found[0]):03}"


UUID_NAMESPACE = uuid.UUID("5f1d4dd2-9f5b-5a0e-8a1f-6f1f2f0c7b11")

SHIPPED = files("hotfolder.setup.lightroom")


def preset_text(inbox: str, folder: str) -> str:
    """The text of the preset for an inbox with this title: the shipped one without its comments. `folder` is
    where its folder dialog starts, "" if unknown."""
    shipped = (SHIPPED / "preset.lrtemplate").read_text("utf-8").splitlines(keepends=True)
    text = "".join(line for line in shipped if not line.lstrip().startswith("--"))
    return Template(text).substitute(
        id=to_lua(preset_uuid(inbox)), title=to_lua(f"hotfolder {inbox}"), folder=to_lua(folder)
    )


def preset_uuid(inbox: str) -> str:
    """The preset's UUID, by which Lightroom and later runs of `write` recognize it."""
    return str(uuid.uuid5(UUID_NAMESPACE, inbox)).upper()


PLUGIN, PRESETS, DARKTABLE = "hotfolder.lrplugin", "presets", "darktable/hotfolder"
HOW_TO_INSTALL = {
    PLUGIN: "Lightroom Classic: File > Plug-in Manager > Add.",
    PRESETS: "Lightroom Classic: File > Export, right-click User Presets, Import; for whole shoots.",
    DARKTABLE: 'darktable: copy it to its folder `lua`; add `require "hotfolder/hotfolder"` to its `luarc`.',
}
MENU = "Menu.lua"
MARK = "-- Written by `hotfolder lightroom`"
HEAD = f"{MARK}, which writes it anew: changes of your own would be lost.\n"
SHARED_MODULES = ("Json.lua", "Names.lua", "Rooms.lua", "Drop.lua", "Home.lua")
"""Modules of the plug-in that don't depend on Lightroom. darktable's script uses them as well."""


@dataclass(frozen=True, slots=True)
class GeneratedFile:
    """A file's content, and the mark by which an existing file is recognized as one that was generated."""

    text: str
    mark: str = MARK


def write(directory: Path, settings: Settings, share: str = "") -> Iterator[Path]:
    """Write everything below `directory`; yields each file when it is written. `share` is the path of `root`
    on the photographers' computers. Raises UsageError, before any write if a file lacks its mark."""
    made = generated_files(settings, share)
    for name, one in made.items():
        _refuse_foreign(directory / name, one.mark)
    for name, one in made.items():
        path = directory / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with folder_at(path.parent) as folder:
                write_whole(folder, path.name, one.text.encode())
        except OSError as error:
            raise _unwritable(directory, error) from None
        yield path


def generated_files(settings: Settings, share: str = "") -> Mapping[str, GeneratedFile]:
    """All files by their path below the folder."""
    menu = GeneratedFile(HEAD + f"return {to_lua(menu_data(settings, share))}\n")
    made: dict[str, GeneratedFile] = {}
    for folder, source in ((PLUGIN, "plugin"), (DARKTABLE, "darktable")):
        for entry in sorted((SHIPPED / source).iterdir(), key=lambda one: one.name):
            if entry.name.endswith((".lua", ".txt")):
                made[f"{folder}/{entry.name}"] = GeneratedFile(HEAD + entry.read_text("utf-8"))
        made[f"{folder}/{MENU}"] = menu
    for name in SHARED_MODULES:
        made[f"{DARKTABLE}/{name}"] = made[f"{PLUGIN}/{name}"]
    for inbox in settings.all_inboxes():
        name = f"{PRESETS}/hotfolder {safe_name(inbox.title)}.lrtemplate"
        folder = photographers_path(settings, settings.inbox_folder(inbox), share)
        made[name] = GeneratedFile(preset_text(inbox.title, folder), preset_uuid(inbox.title))
    return made


def menu_data(settings: Settings, share: str = "") -> Value:
    """The plug-in's data about this studio: its inboxes, each with its tags."""
    return {
        "version": __version__,
        "done": photographers_path(settings, settings.done_folder, share),
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
        "folder": photographers_path(settings, settings.inbox_folder(inbox), share),
        # A `.ready` file approves: where the rules require a review, an export must not write one.
        "ready": not any(route.group == "review" for route in rules.routes),
        "families": [{"name": name, "tags": tags} for name, tags in families.items() if tags],
        "kinds": kinds,
    }


def own_tags(table: TagTable) -> list[str]:
    """The studio's own tags, spelt as in folder names, where a number after a blank counts as that of a
    copy."""
    return ["-".join(name.split()) for name in table.own]


def photographers_path(settings: Settings, folder: Path, share: str) -> str:
    """The path by which photographers' computers reach a folder of this machine; "" where it is unknown."""
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
            f"{path_text(path)} was not written by hotfolder, and nothing was changed.",
            hint="Move it away, or name another folder with --write.",
        )


def _unwritable(path: Path, error: OSError) -> UsageError:
    where = error.filename if isinstance(error.filename, str) else path
    what = TROUBLES[error.errno][0] if error.errno in TROUBLES else (error.strerror or str(error)).lower()
    return UsageError(
        f"{path_text(where)} can't be written: {what}.",
        hint="Name a folder with --write that you may write to; it is made where it is missing.",
    )
