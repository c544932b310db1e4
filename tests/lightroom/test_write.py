"""`hotfolder lightroom --write DIR`: the written files, and refusals to overwrite."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from hotfolder.config.load import load
from hotfolder.rules.kinds import FAMILIES
from hotfolder.setup.lightroom.write import PLUGIN
from tests.support.studio import Studio

lua51 = pytest.importorskip("lupa.lua51", reason="there is no lupa for this Python")

REPOSITORY = Path(__file__).parents[2]
TWO_INBOXES: dict[str, Any] = {
    "tags": {"curb appeal": ["sky-blue", "lawn-medium"]},
    "inboxes": [
        {"path": "in/a", "name": 'Ann "A" / Bo'},
        {"path": "in/b", "tags": {"dusk 2": ["sky-twilight"]}},
    ],
}


def written(studio: Studio, *options: str) -> Path:
    told = studio.say("lightroom", "--write", str(studio.root / "out"), *options)
    assert told.exit_code == 0, told.output
    return studio.root / "out"


def tables(text: str) -> Any:
    """The content of a file of Lua tables, read without executing it."""
    tokens = re.findall(r'"(?:[^"\\]|\\.)*"|[\w.-]+|[{}=,\[\]]', re.sub(r"^(--.*\n)*(return|s =)", "", text))
    value, rest = _value(tokens)
    assert not rest
    return value


def _value(tokens: list[str]) -> tuple[Any, list[str]]:
    first, rest = tokens[0], tokens[1:]
    if first.startswith('"'):
        return re.sub(
            r"\\(\d{3}|.)", lambda one: chr(int(one[1])) if one[1].isdigit() else one[1], first[1:-1]
        ), rest
    if first != "{":
        return {"true": True, "false": False}[first] if first in ("true", "false") else float(first), rest
    found: dict[Any, Any] = {}
    while rest[0] != "}":
        key: Any = len(found) + 1
        if rest[0] == "[":
            key, rest = rest[1][1:-1], rest[4:]
        elif rest[1] == "=":
            key, rest = rest[0], rest[2:]
        found[key], rest = _value(rest)
        rest = rest[rest[0] == "," :]
    return found, rest[1:]


def as_lua_reads(text: str) -> Any:
    runtime = lua51.LuaRuntime()
    run = "function(text) local e = {}; return setfenv(loadstring(text), e)() or e.s end"
    return _plain(runtime.eval(run)(text))


def _plain(value: Any) -> Any:
    return {key: _plain(one) for key, one in value.items()} if hasattr(value, "items") else value


def test_it_writes_a_plug_in_and_a_preset_for_each_inbox(tmp_path: Path) -> None:
    """This works before the inboxes exist."""
    studio = Studio(tmp_path, **TWO_INBOXES)
    out = written(studio)
    assert not studio.inbox.exists()
    assert {path.relative_to(out).parts[0] for path in out.rglob("*")} == {PLUGIN, "presets", "darktable"}
    assert sorted(path.name for path in (out / "presets").iterdir()) == [
        "hotfolder Ann A  Bo.lrtemplate",
        "hotfolder b.lrtemplate",
    ]


def test_every_tag_of_the_menu_passes_check(tmp_path: Path) -> None:
    studio = Studio(tmp_path, **TWO_INBOXES)
    menu = as_lua_reads((written(studio) / PLUGIN / "Menu.lua").read_text())
    config = yaml.safe_load(studio.config.read_text())
    for number, inbox in menu["inboxes"].items():
        tags = [tag for family in inbox["families"].values() for tag in family["tags"].values()]
        assert len(tags) > sum(len(family.tags) for family in FAMILIES.values())
        config["inboxes"][number - 1]["routes"] = [{"name": "all", "match": {"tag": tags}}]
        assert set(inbox["kinds"]) == set(tags)
    studio.config.write_text(yaml.safe_dump(config))
    load(studio.config, {})  # as `check` does, which also wants a key


def test_the_menu_of_an_inbox_has_its_own_tags_as_folders_spell_them(tmp_path: Path) -> None:
    menu = as_lua_reads((written(Studio(tmp_path, **TWO_INBOXES)) / PLUGIN / "Menu.lua").read_text())
    own = [list(inbox["families"][len(FAMILIES) + 1]["tags"].values()) for inbox in menu["inboxes"].values()]
    assert own == [["curb-appeal"], ["curb-appeal", "dusk-2"]]
    assert list(menu["inboxes"][1]["kinds"]["curb-appeal"].values()) == ["sky", "lawn"]


@pytest.mark.parametrize(
    ("share", "inbox", "done"),
    [
        ("", "", ""),
        ("/Volumes/photos", "/Volumes/photos/in/a", "/Volumes/photos/done"),
        ("\\\\NAS\\photos", "\\\\NAS\\photos\\in\\a", "\\\\NAS\\photos\\done"),
        ("P:/", "P:\\in\\a", "P:\\done"),
    ],
)
def test_with_the_shares_name_folders_are_chosen(tmp_path: Path, share: str, inbox: str, done: str) -> None:
    out = written(Studio(tmp_path, **TWO_INBOXES), "--share", share)
    menu = as_lua_reads((out / PLUGIN / "Menu.lua").read_text())
    assert (menu["inboxes"][1]["folder"], menu["done"]) == (inbox, done)
    preset = as_lua_reads((out / "presets" / "hotfolder Ann A  Bo.lrtemplate").read_text())
    assert preset["value"]["export_destinationPathPrefix"] == inbox


def test_presets_say_every_key_and_read_alike_with_lua_and_without(tmp_path: Path) -> None:
    for path in (written(Studio(tmp_path, **TWO_INBOXES)) / "presets").iterdir():
        preset = as_lua_reads(path.read_text())
        assert preset == tables(path.read_text())
        value = preset["value"]
        assert len(value) == 59
        assert preset["type"] == "Export" and preset["title"] == preset["internalName"]
        assert (value["format"], value["jpeg_quality"], value["export_colorSpace"]) == ("JPEG", 0.95, "sRGB")
        assert value["embeddedMetadataOption"] == "all" and not value["minimizeEmbeddedMetadata"]
        assert not (value["outputSharpeningOn"] or value["size_doConstrain"] or value["useWatermark"])
        assert value["export_destinationType"] == "chooseLater"


def test_said_again_everything_is_renewed_and_what_others_put_there_is_left(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    out = written(studio)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    for path in before:
        if path.suffix == ".lua":
            path.write_text(path.read_text().split("\n")[0] + "\n-- an older one\n")
    (out / PLUGIN / "notes.txt").write_text("mine")
    written(studio)
    assert {path: path.read_bytes() for path in before} == before
    assert (out / PLUGIN / "notes.txt").read_text() == "mine"
    assert not list(out.rglob("*.tmp"))


@pytest.mark.parametrize(
    "name", [f"{PLUGIN}/Info.lua", "presets/hotfolder inbox.lrtemplate", f"{PLUGIN}/Menu.lua"]
)
def test_a_file_of_somebody_elses_is_named_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    studio, path = Studio(tmp_path), tmp_path / "out" / name
    path.parent.mkdir(parents=True)
    path.write_text("return { LrPluginName = 'another' }\n")
    told = studio.say("lightroom", "--write", str(tmp_path / "out"))
    assert told.exit_code == 2
    assert f"{path} was not written by hotfolder, and nothing was changed." in told.output
    assert [one for one in (tmp_path / "out").rglob("*") if one.is_file()] == [path]


def test_a_folder_that_cant_be_written_is_named(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    (tmp_path / "out").write_text("a file")
    told = studio.say("lightroom", "--write", str(tmp_path / "out"))
    assert told.exit_code == 2
    assert "a file stands where a folder is needed" in told.output
    assert "Name a folder with --write that you may write to" in told.output


def test_a_nameless_folder_is_not_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    studio, here = Studio(tmp_path / "studio"), tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    told = studio.say("lightroom", "--write", "")
    assert told.exit_code == 2 and "name a folder" in told.output
    assert not list(here.iterdir())


def test_wrong_settings_are_told_and_nothing_is_written(tmp_path: Path) -> None:
    studio = Studio(tmp_path, tags={"dusk": ["sky-twilght"]})
    told = studio.say("lightroom", "--write", str(tmp_path / "out"))
    assert told.exit_code == 2
    assert "sky-twilight" in told.output
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(shutil.which("luacheck") is None, reason="luacheck isn't installed (lua-check in Debian)")
def test_luacheck_finds_nothing(tmp_path: Path) -> None:
    """This includes the written menu, which is Lua."""
    out = written(Studio(tmp_path, **TWO_INBOXES))
    told = subprocess.run(
        ["luacheck", "--no-cache", "--config", str(REPOSITORY / ".luacheckrc"), str(out)],
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stdout
