"""Lightroom with the plug-in: Lua 5.1 with a strict stand-in for the SDK."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

from hotfolder.config.load import load
from hotfolder.inbox.scan import scan
from hotfolder.inbox.settle import Judgement, Pace, Settled, settle
from hotfolder.setup.lightroom.write import PLUGIN, write

lua51 = pytest.importorskip("lupa.lua51", reason="there is no lupa for this Python")

SDK = Path(__file__).with_name("lightroom_sdk.lua")


class Killed(Exception):
    """Lightroom was killed before a change of the disk."""


@dataclass
class Disk:
    """The file functions of the SDK. `dies_before`: the change before which Lightroom is killed. Copies to a
    path that holds `full` fail, and so do renames to one that ends with `stuck`."""

    changes: int = 0
    dies_before: int | None = None
    full: str = "\0"
    stuck: str = "\0"

    def _change(self) -> None:
        if self.changes == self.dies_before:
            raise Killed
        self.changes += 1

    def exists(self, path: str) -> str | bool:
        found = Path(path)
        return "directory" if found.is_dir() else "file" if found.exists() else False

    def copy(self, source: str, target: str) -> Any:
        self._change()
        if self.full in target:
            return False, "the disk is full"
        if Path(target).exists():
            return False, "it exists"
        shutil.copyfile(source, target)
        return True

    def move(self, source: str, target: str) -> Any:
        self._change()
        if Path(target).exists() or target.endswith(self.stuck):
            return False, "it can't be renamed"
        Path(source).rename(target)
        return True

    def delete(self, path: str) -> bool:
        self._change()
        found = Path(path)
        found.rmdir() if found.is_dir() else found.unlink()
        return True

    def make(self, path: str) -> bool:
        self._change()
        Path(path).mkdir(parents=True, exist_ok=True)
        return True

    def read(self, path: str) -> str:
        return Path(path).read_text()

    def size(self, path: str) -> int:
        return Path(path).stat().st_size


@dataclass
class Lightroom:
    """One catalogue. `said` has the texts of dialogs; `answers` the choices of people."""

    folder: Path
    plugin: Path
    said: list[str] = field(default_factory=list)
    disk: Disk = field(default_factory=Disk)

    def __post_init__(self) -> None:
        self.lua = lua51.LuaRuntime(unpack_returned_tuples=True)
        self.numbers = count(1)
        table = self.lua.table_from
        self.catalog = table({"photos": table([]), "sources": table([])})
        self.dialogs, self.answers = table([]), table({})
        disk = {
            name: getattr(self.disk, name)
            for name in ("exists", "copy", "move", "delete", "make", "read", "size")
        }
        disk["entries"] = lambda path: table([str(one) for one in sorted(Path(path).iterdir())])
        disk["files"] = lambda path: table(
            [str(one) for one in sorted(Path(path).iterdir()) if one.is_file()]
        )
        load_sdk = self.lua.eval("function(text, ...) return assert(loadstring(text, 'sdk'))(...) end")
        self.sdk = load_sdk(SDK.read_text(), table(disk), self.catalog, self.dialogs, self.answers)
        self.environment = self.sdk.environment(str(self.plugin))

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    def sources(self, *collections: str) -> None:
        """Select these collections."""
        shown = [self.lua.table_from({"kind": "LrCollection", "name": name}) for name in collections]
        self.catalog.sources = self.lua.table_from(shown)

    def photo(
        self, path: Path, *, collections: Sequence[str] = (), offline: bool = False, **facts: Any
    ) -> int:
        """Add a photo to the catalogue; its identifier. `facts`: raw metadata, and formatted such as
        `title`."""
        table, known = (
            self.lua.table_from,
            {"title", "caption", "headline", "label", "copyName", "cameraModel"},
        )
        if "keywords" in facts:
            facts["keywords"] = table(list(facts["keywords"]))
        raw = {name: value for name, value in facts.items() if name not in known}
        formatted = {"folderName": path.parent.name, **{name: facts[name] for name in known & facts.keys()}}
        number = next(self.numbers)
        it = {"id": number, "path": str(path), "offline": offline, "properties": table({})}
        parts = {"raw": table(raw), "formatted": table(formatted), "collections": table(list(collections))}
        photos = self.catalog.photos
        photos[len(photos) + 1] = table({**it, **parts})
        return number

    def settings(self, inbox: Path, **changes: Any) -> Any:
        """The export dialog's initial settings, with the inbox chosen."""
        fields = self.service().exportPresetFields.values()
        values = {one.key: one.default for one in fields} | {"hotfolder_folder_1": str(inbox)} | changes
        return self.sdk.settings(self.lua.table_from(values))

    def service(self) -> Any:
        return self.environment.require("Export")

    def export(
        self,
        numbers: Sequence[int],
        settings: Any = None,
        *,
        stop_at: int | None = None,
        broken: int | None = None,
    ) -> Any:
        """Export these photos as copies of their files, into the inbox where nothing else is set; rendering
        `broken` fails."""
        settings = settings or self.settings(self.inbox)
        by_number = {one.id: one.path for one in self.catalog.photos.values()}
        rendered = self.folder / "rendered"
        rendered.mkdir(exist_ok=True)

        def render(number: int) -> str | None:
            if number == broken:
                return None
            source = Path(by_number[number])
            target = rendered / f"{number}-{source.stem}.jpg"
            shutil.copyfile(source, target)
            return str(target)

        context = self.sdk.export_context(self.lua.table_from(list(numbers)), settings, render, stop_at)
        begin = (
            "function(service, context) return function() service.processRenderedPhotos({}, context) end end"
        )
        work = self.lua.eval(begin)
        self.sdk.start(work(self.service(), context))
        self._run()
        return context

    def bring_home(self) -> str:
        """Run "bring home"; its last dialog."""
        self.environment.run("BringHome")
        self._run()
        return self.said[-1]

    def _run(self) -> None:
        try:
            self.sdk.run()
        finally:
            self.said[:] = list(self.dialogs.values())

    def photos(self) -> list[Any]:
        return list(self.catalog.photos.values())


def installed(folder: Path, **settings: Any) -> Path:
    """The plug-in as `hotfolder lightroom` writes it for these settings."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump({"root": ".", **settings}))
    list(write(folder / "editors", load(config, {})))
    return folder / "editors" / PLUGIN


def startable(inbox: Path) -> Mapping[tuple[str, str], int]:
    """The rooms that the daemon would start now if nothing else came, with their numbers of photos."""
    found = {}
    for key, seen in scan(inbox).folders.items():
        state = None
        for now in (0.0, 1000.0):
            state, verdict = settle(
                state,
                seen,
                now=now,
                pace_of=lambda _: Pace(10.0, 1e9),
                claimed=frozenset(),
                judgement_of=lambda _: Judgement(),
            )
            if isinstance(verdict, Settled):
                found[key] = len(verdict.photos)
                break
    return found
