"""Valid settings, and the values they load as."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hotfolder.config.load import load
from hotfolder.config.rulebooks import RuleText, rulebook_for, rules_in_force
from hotfolder.config.settings import Settings
from hotfolder.errors import ConfigurationError
from hotfolder.jobs.budget import midnight
from hotfolder.rules.routing import plan
from hotfolder.rules.tags import TagTable
from hotfolder.stager.operations import OPERATIONS, HdrOptions, Lawn, Sky
from tests.support.reference import every_body

Loader = Callable[..., Settings]

PIECES = [
    *("root: .", "tags:", "routes:", "inboxes:", "- name: a", "sky-blue", "match", "photos: 3", "stage: "),
    *("  ", "\n", ": ", "- ", "{", "}", "[", "]", '"', "'", "&a", "*a", "!!int", "? ", "| ", "> ", "\t", "#"),
    *("\\ud800", "api: ", "key_file: ", "settle", "0", "1.5", "no", "~", "---", "%YAML", "_env_file: "),
]

MINIMAL = """\
root: .
api:
  base_url: http://127.0.0.1:8801
  storage_hosts: ["127.0.0.2"]
settle:
  quiet_seconds: 1
"""


def test_rules_are_shown_as_they_were_written(settings_of: Loader) -> None:
    text = """\
match:
  room: [garden]
operations:
- lawn: {lawnType: strong}
variants:
  day: [sky-blue]
  dusk:
  - sky: {skyType: twilight}"""
    loaded = settings_of(MINIMAL + "routes:\n- name: gardens\n  " + text.replace("\n", "\n  "))
    assert rules_in_force(loaded) == [RuleText("route", "gardens", text)]


def test_the_minimal_file_loads(settings_of: Loader, tmp_path: Path) -> None:
    """Others script against this file."""
    loaded = settings_of(MINIMAL)
    assert loaded.api.base_url == "http://127.0.0.1:8801"
    assert loaded.api.storage_hosts == ("127.0.0.2",)
    assert loaded.settle.quiet_seconds == 1
    assert loaded.inbox_folder() == tmp_path / "inbox"
    assert loaded.done_folder == tmp_path / "done"
    assert loaded.failed_folder == tmp_path / "failed"
    assert loaded.state_folder == tmp_path / "state"
    assert list(tmp_path.iterdir()) == [tmp_path / "config.yaml"], "loading creates nothing"


@pytest.mark.parametrize(
    "spelt", ["https://api.stagerai.com:443", "https://API.StagerAI.com./", "https://api.stagerai.com"]
)
def test_one_address_is_one_shop_however_it_is_spelt(tmp_path: Path, spelt: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"root: .\napi:\n  base_url: {spelt}\n")
    assert load(path, {}).api.base_url == "https://api.stagerai.com"


def test_root_is_relative_to_the_file_and_not_to_where_one_stands(tmp_path: Path) -> None:
    """A service started in / finds the same folders."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "photos").mkdir()
    path = tmp_path / "etc" / "config.yaml"
    path.write_text("root: ../photos\napi: {key_file: stager.key}\nstate: /var/lib/hotfolder\n")
    loaded = load(path, {})
    assert loaded.root_folder == tmp_path / "photos"
    assert loaded.api.key_file == str(tmp_path / "etc" / "stager.key")
    assert loaded.state_folder == Path("/var/lib/hotfolder")


def test_what_is_left_empty_has_its_default(settings_of: Loader) -> None:
    """A section with only comments counts as absent."""
    emptied = "root: .\nroutes:\n  # - name: x\nsettle:\n  quiet_seconds:\napi:\n"
    assert settings_of(emptied) == settings_of("root: .\n")


def test_words_that_look_like_truths_or_numbers_stay_names(settings_of: Loader) -> None:
    """A room `no`, a project 12 and a room 007 are names; `off` switches a correction off."""
    loaded = settings_of(
        "root: .\nhdr: {lensCorrection: off}\nroutes:\n"
        "  - {name: a, match: {room: no, project: 12}}\n"
        "  - {name: b, match: {room: [007, On, 2026-01-01, 12:30]}}\n"
    )
    assert loaded.routes[0].match.room == ("no",)
    assert loaded.routes[0].match.project == ("12",)
    assert loaded.routes[1].match.room == ("007", "On", "2026-01-01", "12:30")
    assert rulebook_for(loaded).defaults.hdr == HdrOptions(lens_correction=False)


def test_a_byte_order_mark_is_no_mistake(settings_of: Loader) -> None:
    """Notepad writes one before UTF-8."""
    assert settings_of(b"\xef\xbb\xbfroot: .\r\ninbox: in\r\n").inbox == "in"


def test_operations_in_short_and_in_full_are_the_same(settings_of: Loader) -> None:
    """`sky: twilight`, the mapping and the tag are equal."""
    loaded = settings_of(
        "root: .\ntags:\n  a1: {sky: twilight}\n  b1: [sky: {skyType: twilight}]\n  c1: sky-twilight\n"
        "  d1: [{sky: {sky_type: twilight, skySubType: middle, resolution: high}}]\n"
    )
    table = rulebook_for(loaded).tags
    found = {table.own[name] for name in ("a1", "b1", "c1", "d1")}
    assert found == {(Sky(sky_type="twilight"),)}


def test_each_inbox_has_its_own_routes_and_tags_before_the_general_ones(settings_of: Loader) -> None:
    loaded = settings_of(
        "root: .\ninboxes:\n  - path: a\n    name: Anna\n    tags: {look: [lawn-strong]}\n"
        "    routes: [{name: anna, match: {room: x}, operations: [look]}]\n  - path: in/rentals\n"
        "tags: {look: [sky-blue]}\nroutes: [{name: general, operations: [look]}]\n"
    )
    anna, rentals = loaded.all_inboxes()
    assert (anna.title, rentals.title) == ("Anna", "rentals")
    assert rulebook_for(loaded, "rentals") == rulebook_for(loaded, rentals)
    assert [route.name for route in rulebook_for(loaded, anna).routes] == ["anna", "general"]
    assert rulebook_for(loaded, anna).tags.find("look").operations == (Lawn(lawn_type="strong"),)  # type: ignore[union-attr]
    assert plan(rulebook_for(loaded, rentals), "p", "x", 3).recipe.operations == (Sky(sky_type="blue"),)


def test_every_word_of_the_api_can_be_written(settings_of: Loader) -> None:
    """Each enum value of the reference is valid in YAML, with every parameter."""
    models: dict[str, type[Any]] = {model.endpoint: model for model in OPERATIONS}
    wanted = {f"own{number}x": models[path](**body) for number, (path, body) in enumerate(every_body())}
    tags = {
        name: [{one.kind: one.model_dump(mode="json", by_alias=True, exclude={"kind"})}]
        for name, one in wanted.items()
    }
    own = rulebook_for(settings_of(yaml.safe_dump({"root": ".", "tags": tags}))).tags.own
    assert own == {name: (operation,) for name, operation in wanted.items()}


def test_every_built_in_tag_can_stand_in_a_route(settings_of: Loader) -> None:
    for name in ("sky-blue", "sky-twilight-dramatic", "lawn-strong", "stage-midCentury-living room"):
        loaded = settings_of(f"root: .\nroutes: [{{name: a, operations: [{name}], match: {{tag: {name}}}}}]")
        assert rulebook_for(loaded).routes[0].operations == TagTable().find(name).operations  # type: ignore[union-attr]


@settings(max_examples=150)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.lists(st.sampled_from(PIECES), max_size=30).map(lambda parts: "".join(parts).encode()),
    )
)
@example(b'"\\ud800": 1')
@example(b"_env_file: x\nroot: .")
@example(b"root: .\n_init_kwargs: {}")
@example(b"root: '~nobody-of-this-name/x'")
@example(b'root: "\\0"')
@example(b"tags: {1: 2}\nroutes: 3\ninboxes: {a: b}\napi: []\nroot: [.]")
@example(b"root: .\ninboxes: [{path: [a]}, 3, {name: b}]")
@example(b"root: " + b"a" * 5000)
@example(b"root: .\ninboxes: [{path: " + b"a" * 5000 + b"}]")
def test_no_text_raises_anything_but_a_configuration_error(settings_of: Loader, content: bytes) -> None:
    """Any file content gives settings or problems, never a traceback."""
    try:
        settings_of(content)
    except ConfigurationError as error:
        assert all(line.startswith("config.yaml:") for line in str(error).splitlines())
        str(error).encode()


@pytest.mark.parametrize("name", ["_env_file", "_case_sensitive", "_cli_parse_args", "__init__"])
def test_names_with_an_underscore_in_front_are_unknown_too(
    name: str, problems_of: Callable[..., list[str]]
) -> None:
    """pydantic's private names are no settings."""
    assert problems_of(f"root: .\n{name}: x\n")[0].startswith(f'config.yaml:2:1: unknown setting "{name}"')


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.yaml")
    with pytest.raises(ConfigurationError, match="this is no file"):
        load(tmp_path / "config.yaml", {})


def test_a_folder_in_its_place_is_one_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be read: Is a directory"):
        load(tmp_path, {})


def test_a_setting_that_is_no_more_is_accepted_and_its_line_named(settings_of: Loader) -> None:
    settings = settings_of("root: .\nkeep:\n  records_days: 40\n  purchases_days: 40\n")
    [warning] = settings.warnings
    assert "config.yaml:4:3: keep.purchases_days has no effect any more" in warning
    assert settings.keep.records_days == 40
    [warning] = settings_of("root: .\nnotify: {disk_low_bytes: 1000}\n").warnings
    assert "config.yaml:2:10: notify.disk_low_bytes has no effect any more" in warning
    [warning] = settings_of("root: .\n", HOTFOLDER_KEEP__PURCHASES_DAYS="40").warnings
    assert warning.startswith("HOTFOLDER_KEEP__PURCHASES_DAYS: keep.purchases_days has no effect any more")


def test_a_zone_of_the_environment_that_no_place_has_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The C library would use UTC in its place, and say nothing."""
    monkeypatch.setenv("TZ", "UTC")
    path = tmp_path / "config.yaml"
    path.write_text("root: .\n")
    try:
        with pytest.raises(ConfigurationError, match="TZ: time_zone Europe/Berlinn is not known here; give"):
            load(path, {"TZ": "Europe/Berlinn"})
        for known in ("Europe/Berlin", "Etc/GMT-2", "CET-1CEST", "UTC", ":/etc/localtime", ""):
            load(path, {"TZ": known})
        path.write_text("root: .\ntime_zone: Europe/Berlin\n")
        load(path, {"TZ": "Europe/Berlinn"})
    finally:
        monkeypatch.undo()
        time.tzset()


def test_every_day_begins_in_the_time_zone_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Machines that share a budget of a day must mean the same day. Once the settings name no zone any more,
    it is the one with which the process was started, or the machine's."""
    monkeypatch.setenv("TZ", "UTC")
    path, noon = tmp_path / "config.yaml", datetime(2026, 7, 1, 13, tzinfo=UTC)
    try:
        for environ, zone in (({"TZ": "Etc/GMT-2"}, "Etc/GMT-2"), ({}, None)):
            path.write_text("root: .\ntime_zone: Pacific/Auckland\n")
            load(path, environ)
            assert midnight(noon) == datetime(2026, 7, 1, 12, tzinfo=UTC)
            path.write_text("root: .\n")
            load(path, environ)
            assert os.environ.get("TZ") == zone
        load(path, {"TZ": "Etc/GMT-2"})
        assert midnight(noon) == datetime(2026, 6, 30, 22, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()
