"""What an edited file of settings means for a running daemon, in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hotfolder.config.changes import changes, followed
from hotfolder.config.load import load
from hotfolder.config.rulebooks import rulebook_for
from hotfolder.config.ruletext import rules_as_json, rules_from_json
from hotfolder.config.settings import Settings

Load = Callable[..., Settings]
BEFORE = """
root: .
settle: {quiet_seconds: 15}
tags: {curb: [sky-blue], hero: [sky-twilight]}
routes:
  - {name: front, match: {room: front}, operations: [sky-blue]}
  - {name: back, match: {room: back}}
  - {name: old}
"""
AFTER = """
root: .
settle: {quiet_seconds: 5, scan_seconds: 3}
limits: {paid_calls_per_day: 20, uploads: 2}
web: {port: 9000}
notify: {urls: ["json://user:hunter2@127.0.0.1/"]}
tags: {curb: [sky-blue, lawn-light], fresh: [lawn-strong]}
routes:
  - {name: back, match: {room: back}}
  - {name: front, match: {room: front}, operations: [sky-twilight]}
  - {name: new}
"""


def test_every_change_is_said_in_words_and_no_secret_is(settings_of: Load) -> None:
    """Routes and tags by name, values with before and after; what needs a restart is named apart."""
    found = changes(settings_of(BEFORE), settings_of(AFTER))
    assert found.applied == (
        "limits.paid_calls_per_day: none → 20",
        "limits.uploads: none → 2",
        "notify.urls changed",
        'route "front" changed',
        'route "new" added',
        'route "old" removed',
        "routes in another order",
        "settle.quiet_seconds: 15 → 5",
        'tag "curb" changed',
        'tag "fresh" added',
        'tag "hero" removed',
    )
    assert found.restart == ("settle.scan_seconds", "web.port")


def test_what_needs_a_restart_stays_and_the_rest_is_followed(settings_of: Load) -> None:
    """After it nothing is left to apply, and the same settings still wait for the restart."""
    running, fresh = settings_of(BEFORE), settings_of(AFTER)
    now = followed(running, fresh)
    assert (now.web.port, now.settle.scan_seconds, now.settle.quiet_seconds) == (None, 10, 5)
    assert rulebook_for(now) == rulebook_for(fresh)
    left = changes(now, fresh)
    assert (left.applied, left.restart) == ((), ("settle.scan_seconds", "web.port"))
    assert changes(running, running) == changes(now, now)


@pytest.mark.parametrize(
    ("edited", "restart"),
    [
        ("root: ..", ("root",)),
        ("root: .\nstate: elsewhere", ("state",)),
        ("root: .\napi: {base_url: 'https://example.org', merge_timeout_seconds: 60}", ("api.base_url",)),
        ("root: .\ninbox: letterbox", ("inbox",)),
        ("root: .\ninboxes: [{path: inbox}, {path: second}]", ("inboxes",)),
    ],
)
def test_places_and_the_shop_change_only_with_a_restart(
    settings_of: Load, edited: str, restart: tuple[str, ...]
) -> None:
    running = settings_of("root: .")
    fresh = settings_of(edited)
    assert changes(running, fresh).restart == restart
    now = followed(running, fresh)
    assert (now.root, now.state, now.api.base_url) == (running.root, "state", running.api.base_url)
    assert [one.path for one in now.all_inboxes()] == ["inbox"]


def test_an_inbox_follows_its_own_rules_by_name(settings_of: Load) -> None:
    """The rules of an inbox that is not watched yet wait; those of one that is are taken."""
    text = "root: .\ninboxes:\n  - {path: a, routes: [{name: ROUTE, operations: [sky-blue]}]}\n"
    running = settings_of(text.replace("ROUTE", "one"))
    fresh = settings_of(text.replace("ROUTE", "two") + "  - {path: b, routes: [{name: three}]}\n")
    found = changes(running, fresh)
    assert found.applied == ('inbox "a": route "one" removed', 'inbox "a": route "two" added')
    assert [one.title for one in followed(running, fresh).all_inboxes()] == ["a"]
    assert rulebook_for(followed(running, fresh), "a") == rulebook_for(fresh, "a")


def test_the_rules_in_force_survive_being_written_down(tmp_path: Path, example_in_use: str) -> None:
    """Another process reads from the store just the rules that the daemon goes by."""
    path = tmp_path / "config.yaml"
    path.write_text(example_in_use)
    (tmp_path / "bare.yaml").write_text("root: .")
    settings, bare = load(path, {}), load(tmp_path / "bare.yaml", {})
    read = rules_from_json(rules_as_json(settings), bare)
    assert read is not None
    assert rulebook_for(read) == rulebook_for(settings) != rulebook_for(bare)
    assert rules_from_json({"routes": [{"nme": "x"}]}, bare) is None
