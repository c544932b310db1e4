"""config.example.yaml, and the schema for editors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from hotfolder.config.jsonschema import all_settings, fields_by_yaml_name, json_schema
from hotfolder.config.load import load
from hotfolder.config.rulebooks import rulebook_for
from hotfolder.config.settings import InboxSettings, RouteSettings, Settings
from hotfolder.rules.kinds import FAMILIES
from hotfolder.rules.routes import Match
from hotfolder.rules.routing import plan
from hotfolder.stager.operations import OPERATIONS, HdrOptions, Stage

EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"


@pytest.fixture
def example(tmp_path: Path) -> Settings:
    """The example as it is."""
    path = tmp_path / "config.yaml"
    path.write_text(EXAMPLE.read_text())
    return load(path, {})


@pytest.fixture
def used(tmp_path: Path, example_in_use: str) -> Settings:
    """The example with its commented settings enabled."""
    path = tmp_path / "used.yaml"
    path.write_text(example_in_use)
    return load(path, {})


def paths_in(value: object, prefix: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    if not isinstance(value, dict):
        return set()
    return {
        path for name, one in value.items() for path in ({(*prefix, name)} | paths_in(one, (*prefix, name)))
    }


def test_every_setting_is_in_the_example() -> None:
    written = paths_in(yaml.safe_load(EXAMPLE.read_text()))
    assert {path for path, _ in all_settings()} - written == set()


@pytest.mark.parametrize("model", [RouteSettings, Match, InboxSettings, *OPERATIONS])
def test_every_field_of_a_list_is_shown_somewhere(model: type[BaseModel]) -> None:
    """Routes, inboxes and operations are shown with all of their fields."""
    text = EXAMPLE.read_text()
    assert [name for name in fields_by_yaml_name(model) if f"{name}:" not in text] == []


@pytest.mark.parametrize("kind", FAMILIES)
def test_every_kind_of_built_in_tag_is_listed(kind: str) -> None:
    assert f"#   {kind}-" in EXAMPLE.read_text()


def test_the_documented_defaults_are_the_real_ones(example: Settings, tmp_path: Path) -> None:
    """The example changes only where the state lies."""
    (tmp_path / "plain.yaml").write_text("root: .\n")
    plain = load(tmp_path / "plain.yaml", {})
    assert example.model_dump(exclude={"state", "hdr"}) == plain.model_dump(exclude={"state", "hdr"})
    assert rulebook_for(example) == rulebook_for(plain)
    assert rulebook_for(example).defaults.hdr == HdrOptions()


@pytest.mark.parametrize("room", ["back bedroom", "front hall", "garden room", "front__sky-twilight"])
def test_copied_as_it_is_it_buys_what_was_asked_for(example: Settings, used: Settings, room: str) -> None:
    """A copy of the file buys the merge and what a folder's tags say, with the examples enabled too."""
    for settings in (example, used):
        bought = plan(rulebook_for(settings), "12 Elm Road", room, 5).recipe.operations
        assert [one.kind for one in bought] == (["sky"] if "sky" in room else [])


def test_the_state_is_not_where_photographers_see_it(example: Settings) -> None:
    """The state holds what was paid for: nobody may delete it while tidying up."""
    assert not example.state_folder.is_relative_to(example.root_folder)


def test_the_examples_do_what_their_notes_say(used: Settings) -> None:
    book = rulebook_for(used)
    assert plan(book, "12 Elm Road", "Aerial 1", 1).route == "drone"
    assert plan(book, "12 Elm Road", "Aerial 1", 1).settle.expected_photos == 1
    cover = plan(book, "12 Elm Road Premium", "Cover", 5)
    assert (cover.route, cover.settle.expected_photos, len(cover.recipe.operations)) == (
        "premium cover",
        5,
        2,
    )
    outside = plan(book, "12 Elm Road", "exterior back__sky-twilight", 3)
    assert [one.kind for one in outside.recipe.operations] == ["lawn", "sky"]
    spare = plan(book, "12 Elm Road", "Room 3__stage-modern", 3).recipe.operations[0]
    assert isinstance(spare, Stage)
    assert spare.room_type == "BEDROOM"


def test_the_commented_inboxes_load(tmp_path: Path) -> None:
    lines = EXAMPLE.read_text().splitlines()
    start = lines.index("#   inboxes:")
    end = lines.index("inboxes: []")
    block = "\n".join(line.removeprefix("#   ") for line in lines[start:end])
    (tmp_path / "config.yaml").write_text("root: .\n" + block)
    assert [one.title for one in load(tmp_path / "config.yaml", {}).all_inboxes()] == ["Anna", "Rentals"]


@pytest.fixture(scope="module")
def valid() -> Callable[[Any], bool]:
    validator = pytest.importorskip("jsonschema_rs").validator_for(json_schema())
    return lambda data: bool(validator.is_valid(data))


def test_the_schema_accepts_the_example(valid: Callable[[Any], bool], example_in_use: str) -> None:
    assert valid(yaml.safe_load(EXAMPLE.read_text()))
    assert valid(yaml.safe_load(example_in_use))


@pytest.mark.parametrize(
    "text",
    [
        "root: .",
        "root: .\nroutes:\nsettle: {quiet_seconds: }\nhdr: {lensCorrection: no}",
        "root: .\ntags: {a: sky-blue, b: {sky: twilight}, c: [{stage: modern}, lawn: {lawnType: light}]}",
        "root: .\nroutes: [{name: a, match: {room: 101, photos: 5, project: [a, 12]}}]",
        "root: .\nroutes: [{name: b, match: {photos: {min: 2}}}]",
        "root: .\nroutes: [{name: s, group: review, over_seven: spread, name_sets: first_file}]",
        "root: .\napi: {storage_hosts: 127.0.0.2, key_file: x}",
        "root: .\ninboxes: [{path: a, routes: [{name: x, hdr: {lensCorrection: true}, brackets: 3}]}]",
    ],
)
def test_the_schema_accepts_what_loads(
    valid: Callable[[Any], bool], text: str, settings_of: Callable[..., Settings]
) -> None:
    """Short forms are valid for an editor too."""
    settings_of(text)
    assert valid(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text",
    [
        "inbox: a",
        "root: .\nsettel: {}",
        "root: .\nlog: {level: loud}",
        "root: .\nroutes: [{name: a, operations: [{sky: twilght}]}]",
        "root: .\ntags: {a: [{sky: {skyType: blue}, lawn: light}]}",
        "root: .\nroutes: [{name: a, match: {photos: 8}}]",
        "root: .\nroutes: [{name: a, group: perhaps}]",
        "root: .\nroutes: [{name: a, operations: [{stage: {roomType: KITCHEN}}]}]",
    ],
)
def test_the_schema_refuses_what_does_not(valid: Callable[[Any], bool], text: str) -> None:
    assert not valid(yaml.safe_load(text))


def test_the_schema_explains_every_setting() -> None:
    schema = json_schema()
    assert "\\n" not in json.dumps(schema)
    for name, described in schema["properties"].items():
        if not any("$ref" in part for part in described.get("anyOf", ())):
            assert described.get("description"), name
    # The API's own values are described by the API.
    operations = {"OneOperation", *(one.__name__ for one in OPERATIONS)}
    for section in schema["$defs"].keys() - operations:
        for name, described in schema["$defs"][section].get("properties", {}).items():
            assert described.get("description"), f"{section}.{name}"
