"""Names of folders are untrusted: their control characters reach no terminal."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from hotfolder.cli.demo import progress
from hotfolder.display import visible, visible_lines
from hotfolder.jobs.states import State
from hotfolder.telemetry.overview import Line
from tests.support.pictures import bracket
from tests.support.studio import MakeStudio

PROJECT = "12 \x1b]0;owned\x07Elm\u202e Road"
ROOM = "kit\x1b[2Jchen\x9b31m\u200b"
OBEYED = ("\x1b", "\x07", "\x9b", "\u202e", "\u200b")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("12 Elm Road, Küche 🏠, 厨房, مطبخ", "12 Elm Road, Küche 🏠, 厨房, مطبخ"),
        ("👩\u200d🍳 ❤️\u200d🔥", "👩\u200d🍳 ❤️\u200d🔥"),
        ("a\x1b[31mb\x9bc\x00d\x7f", "a�[31mb�c�d�"),
        ("gpj\u202eexe \u2066a\u2069 \u200bb\u2060 kit\u200dchen \u3164", "gpj�exe �a� �b� kit�chen �"),
        ("bad \udcff\udce9", "bad \\xff\\xe9"),
        ("two\nlines\tand\u00a0a\u2028half", "two lines and a half"),
    ],
)
def test_what_misleads_is_shown_as_a_sign_and_all_else_as_it_is(text: str, shown: str) -> None:
    assert visible(text) == shown
    visible(text).encode()
    assert visible_lines(f"{text[:3]}\n{text[:3]}").count("\n") >= 1


def test_no_command_and_no_page_passes_a_name_on_to_the_terminal(make_studio: MakeStudio) -> None:
    studio = make_studio(log={"format": "console"})
    studio.drop(PROJECT, ROOM, bracket())
    studio.drop(PROJECT, f"{ROOM}__sky-twilght", bracket())
    run = studio.call("run", "--sandbox", "--until-idle")
    first, second = (job["job"] for job in studio.status()["jobs"])
    studio.drop(PROJECT, ROOM, bracket())
    place = str(studio.inbox / PROJECT / ROOM)
    told = {"the log": run.stdout + run.stderr, "STATUS.txt": (studio.inbox / "STATUS.txt").read_text()}
    for name, *rest in (
        ["status"],
        ["logs", first],
        ["explain", place],
        ["explain", str(studio.inbox / PROJECT)],
        ["approve", place],
        ["retry", second],
        ["cancel", PROJECT],
        ["verify"],
    ):
        ended = studio.say(name, *rest)
        told[f"{name} {len(rest)}"] = ended.stdout + ended.stderr
    assert {name: [sign for sign in OBEYED if sign in text] for name, text in told.items()} == {
        name: [] for name in told
    }
    assert json.loads(studio.say("status", "--json").stdout)["jobs"][0]["project"] == PROJECT


def test_neither_does_the_demonstration_of_photos_of_ones_own() -> None:
    shown = Console(file=io.StringIO(), width=200)
    shown.print(progress([Line("job", "inbox", PROJECT, ROOM, ROOM, State.DONE)]))
    assert isinstance(shown.file, io.StringIO)
    text = shown.file.getvalue()
    assert "Elm" in text and [sign for sign in OBEYED if sign in text] == []
