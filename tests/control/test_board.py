"""The views of a studio: sets by section, cards, a project, a set, another tag, waiting photos; ids."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest

from hotfolder.config.load import load
from hotfolder.control import actions
from hotfolder.control.board import HELD, Board, Card, Status, StoreWatch, board
from hotfolder.control.explain import Explainer
from hotfolder.control.gallery import sharing
from hotfolder.control.held import DraftSet, approve_held, look_at, place_by_id
from hotfolder.control.lookup import (
    arriving_id,
    folder_id,
    job_of,
    photo_id,
    picture_id,
    place_named,
    project_id,
)
from hotfolder.control.offers import offer
from hotfolder.control.rooms import all_projects, project_view, receipt_of, set_view
from hotfolder.errors import UsageError
from hotfolder.jobs.model import FileRole, Job, NewJob, job_file
from hotfolder.jobs.states import ACTIVE, NEEDS_PERSON, State
from hotfolder.rules.recipes import Recipe
from hotfolder.rules.sets import FileIdentity
from hotfolder.telemetry.overview import SETTLING, Line, Overview
from tests.support.pictures import bracket
from tests.support.rolls import shoot
from tests.support.studio import ELM, MakeStudio, Shop, Studio

SLOW = {"endpoint": "put", "fault": "hang", "seconds": 3600, "when": {"from": 3, "to": 5}}
PRICES = {"currency": "EUR", "merge": 0.5, "sky": 1.25}


@pytest.fixture
def studio(make_studio: MakeStudio) -> Studio:
    return make_studio(prices=PRICES, limits={"paid_calls_per_day": 50})


def seen(studio: Studio) -> Board:
    return board(load(studio.config, {}))


def test_before_anything_has_run_there_is_nothing_to_see(studio: Studio) -> None:
    assert (seen(studio).projects, seen(studio).seen.running_at_all) == ((), False)


async def test_a_finished_room_is_shown_by_its_altered_picture(studio: Studio) -> None:
    await studio.drop_and_run(ELM, "front__sky-twilight", bracket())
    found = seen(studio)
    [project] = found.projects
    [card] = project.cards
    assert (card.room, card.state, card.tags) == ("front", "done", ("sky-twilight",))
    assert card.frames[-1].altered == ("sky",)
    assert (found.paid_today, found.budget, sorted(found.bought)) == (2, 50, ["merge", "sky"])
    view = set_view(load(studio.config, {}), card.job)
    assert [frame.kind for frame in view.card.frames] == ["exposure", "merge", "altered"]
    assert card.picture == view.card.frames[-1].id
    assert view.receipt is not None and not view.receipt_changed
    assert [one.middle for one in view.exposures] == [False, True, False]
    assert view.may == {"another", "pay_again"}
    told = project_view(load(studio.config, {}), project.id)
    assert (told.calls, len(told.project.cards[0].frames)) == (("merge", "sky"), 3)
    pair = told.project.cards[0].pair
    assert pair is not None and [frame.kind for frame in pair] == ["merge", "altered"]


async def test_a_project_whose_name_two_computers_spell_differently_is_one(studio: Studio) -> None:
    """One of them sends accents composed, the other one decomposed: two folders in the inbox, which look the
    same."""
    forms: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")
    names = [unicodedata.normalize(form, "Küchenweg 1") for form in forms]
    for name, room in zip(names, ("hall", "bath"), strict=True):
        await studio.drop_and_run(name, room, bracket())
    [project] = seen(studio).projects
    assert (project.name, len(project.rooms), project.finished) == (names[0], 2, 2)
    settings = load(studio.config, {})
    view = project_view(settings, project.id)
    assert (len(view.project.cards), view.calls) == (2, ("merge", "merge"))
    assert [one.name for one in all_projects(settings, "")] == [names[0]]
    assert len(sharing(settings, project.id).choices) == 2
    assert [path.name for path in studio.done.iterdir() if path.is_dir()] == [names[0]]
    assert studio.status_page().count(f"{names[0]}: 2 rooms") == 1
    studio.edit(limits={"paid_calls_per_project": 2})
    studio.drop(names[0], "study", bracket())
    await studio.until_idle()
    assert "used up (2 of 2)" in next(line.reason for line in seen(studio).seen.lines if line.room == "study")


async def test_what_needs_a_person_comes_first_and_is_shown_by_its_middle_exposure(studio: Studio) -> None:
    studio.drop("1 Late Lane", "kitchen", bracket())
    await studio.drop_and_run(ELM, "kitchen__sky-pink", bracket())
    first, second = seen(studio).projects
    [card], [other] = first.cards, second.cards
    assert (first.name, second.name) == (card.project, other.project) == (ELM, "1 Late Lane")
    assert card.failed and "sky-pink" in card.reason and card.hint
    exposures = set_view(load(studio.config, {}), card.job).exposures
    assert [one.middle for one in exposures] == [False, True, False]
    assert card.picture == photo_id(card.job, exposures[1].name)
    assert set_view(load(studio.config, {}), card.job).may == {"another"}  # it would only fail again


async def test_an_end_that_nobody_knows_is_asked_about(shop: Shop, studio: Studio) -> None:
    shop.goes_wrong({"endpoint": "sky", "fault": "reset-after"})
    await studio.drop_and_run(ELM, "front__sky-twilight", bracket())
    [card] = seen(studio).projects[0].cards
    assert card.needs_person
    view = set_view(load(studio.config, {}), card.job)
    assert view.may == {"retry", "pay_again", "resolve"}
    assert view.question is not None and view.question.operation == "sky"
    assert view.anew == ("merge", "sky")


async def test_a_room_that_has_begun_is_not_approved_once_more(shop: Shop, studio: Studio) -> None:
    """Nobody would take its file away, and nothing of it waits."""
    shop.goes_wrong(SLOW)
    folder = studio.drop(ELM, "front", bracket(5))
    assert "the 5 photos there may be made" in studio.say("approve", f"{ELM}/front").stdout
    async with studio.working():
        await studio.comes_to("uploading")
        for what in (f"{ELM}/front", str(folder)):
            told = studio.say("approve", what)
            assert told.exit_code == 2 and f'"{ELM}/front" is being made already' in told.stderr
        assert not (folder / ".ready").exists()
        place = place_named(load(studio.config, {}), f"{ELM}/front")
        with pytest.raises(UsageError, match="Nothing of this waits any more"):
            approve_held(load(studio.config, {}), place, calls="merge")


async def test_photos_that_are_up_are_told_while_the_rest_is_sent(shop: Shop, studio: Studio) -> None:
    shop.goes_wrong(SLOW)
    studio.drop(ELM, "front", bracket(5))
    async with studio.working():
        told = await asyncio.to_thread(comes_to, studio, partly_up)
    assert told == (2, 5)


def partly_up(card: Card) -> bool:
    return card.progress is not None and card.progress.kind == "photos" and card.progress.done > 1


def comes_to(studio: Studio, holds: Callable[[Card], bool]) -> tuple[int, int]:
    found = None

    def holding(_: object) -> bool:
        nonlocal found
        cards = [card for project in seen(studio).projects for card in project.cards]
        found = next((card.progress for card in cards if holds(card)), None)
        return found is not None

    studio.wait_until(holding)
    assert found is not None
    return found.done, found.total


async def test_another_tag_needs_a_set_that_is_over_and_a_tag_that_there_is(studio: Studio) -> None:
    await studio.drop_and_run(ELM, "bath", bracket())
    [card] = seen(studio).projects[0].cards
    with pytest.raises(UsageError, match="There is no tag"):
        offer(load(studio.config, {}), card.job, "../../etc")
    with studio.store() as store, store.session.begin() as session:
        session.get_one(Job, card.job).state = State.NEEDS_ATTENTION
    with pytest.raises(UsageError, match="can't have another tag now"):
        offer(load(studio.config, {}), card.job, "sky-blue")


async def test_the_stamp_moves_when_a_page_would(studio: Studio) -> None:
    watched = StoreWatch(load(studio.config, {}))
    stamps = [watched.stamp()]
    await studio.drop_and_run(ELM, "front", bracket())
    stamps.append(watched.stamp())
    assert watched.stamp() == stamps[-1]
    studio.by_hand(actions.pause, "by hand")
    stamps.append(watched.stamp())
    studio.drop(ELM, "front", bracket())
    async with studio.working():
        await studio.comes_to_say(lambda _: watched.stamp() != stamps[-1])
    watched.close()
    assert len(set(stamps)) == 3


def test_the_stamp_moves_also_after_a_clock_was_ahead(studio: Studio) -> None:
    with studio.store() as store, closing(StoreWatch(load(studio.config, {}))) as watched:
        store.publish("galleries", 1, datetime(2099, 1, 1, tzinfo=UTC))
        before = watched.stamp()
        store.publish("status", 1, datetime.now(UTC))
        assert watched.stamp() != before


async def test_a_held_room_is_no_job_yet(studio: Studio) -> None:
    studio.edit(routes=[{"name": "look", "match": {"room": "front"}, "group": "review"}])
    await studio.drop_and_run(ELM, "front", bracket())
    [card] = seen(studio).projects[0].cards
    assert (card.state, card.job, card.needs_person) == (HELD, "", True)


async def test_a_receipt_is_no_other_one_while_the_originals_are_filed(studio: Studio) -> None:
    """Originals are added to the receipt before the store records them."""
    await studio.drop_and_run(ELM, "hall", bracket())
    [line] = seen(studio).seen.lines
    job = studio.reading(lambda store: store.job(line.job))
    assert job is not None
    [receipt] = studio.done.glob("*/receipts/hall.json")
    receipt.write_text(receipt.read_text() + "\n")
    for state, changed in ((State.DONE, True), (State.FILING, False)):
        job.state = state
        assert receipt_of(studio.done, job)[1] is changed


WAITS = "waits"
SPECIAL = {
    HELD: Line("id", "inbox", "p", "room", "folder", SETTLING, held=True),
    WAITS: Line("id", "inbox", "p", "room", "folder", State.MERGING, waits=True),
}


def line(state: str, *, project: str = "p", updated_at: str = "") -> Line:
    return Line("id", "inbox", project, "room", "folder", state, updated_at=updated_at)


@pytest.mark.parametrize("state", [SETTLING, *SPECIAL, *sorted({*ACTIVE, State.DONE, *NEEDS_PERSON})])
def test_every_set_is_in_exactly_one_part(state: str) -> None:
    found = Status(Overview((SPECIAL.get(state) or line(state),), {}), Path())
    seen = found.seen
    parts = (seen.needing_person, seen.failed, seen.running, seen.waiting, found.finished)
    assert sum(len(part) for part in parts) == 1


def test_the_project_with_the_latest_picture_comes_first() -> None:
    times = {"a": "2026-05-04T10", "b": "2026-05-04T12", "c": "2026-05-04T11"}
    lines = [line(State.DONE, project=name, updated_at=at) for name, at in times.items()]
    lines.append(line(State.DONE, project="a", updated_at="2026-05-04T09"))
    found = Status(Overview(tuple(lines), {}), Path()).finished
    assert [(sets[0].project, len(sets)) for sets in found] == [("b", 1), ("c", 1), ("a", 2)]


def test_no_two_names_share_an_id() -> None:
    ids = [
        project_id("a", "b"),
        project_id("ab", ""),
        folder_id("a", "b", ""),
        folder_id("a", "", "b"),
        picture_id("j", "kitchen.jpg"),
        photo_id("j", "kitchen.jpg"),
        picture_id("j", "Küche.jpg"),
        picture_id("j", "Ku\u0308che.jpg"),
        picture_id("j", "K\udcfcche.jpg"),
    ]
    assert len(set(ids)) == len(ids)


def test_an_id_holds_nothing_of_the_name() -> None:
    assert re.fullmatch(r"[0-9a-f]{20}", folder_id("in", "../..", "<b>\n\udcff"))
    assert re.fullmatch(r"abcd2345-[0-9a-f]{20}", picture_id("abcd2345", "../../etc/passwd"))


def test_a_picture_tells_its_job_and_an_arriving_photo_its_folder() -> None:
    assert job_of(picture_id("abcd2345", "x/y.jpg")) == job_of(photo_id("abcd2345", "y.jpg")) == "abcd2345"
    assert job_of(arriving_id("in", "Elm", "kitchen", "1.jpg")) == folder_id("in", "Elm", "kitchen")


def test_an_approved_set_that_begins_while_one_looks_does_not_wait_again(
    make_studio: MakeStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its job is in the store before the daemon reports it as under way."""
    studio = make_studio(routes=[{"name": "all", "match": {"room": "*"}, "group": "review"}])
    files, sets, _ = shoot()
    studio.drop(ELM, "", files)
    settings = load(studio.config, {})
    place = place_by_id(settings, folder_id("inbox", ELM, ""))
    seen = look_at(settings, place)
    draft = [DraftSet(one.name, tuple(photo.key for photo in one.photos)) for one in seen.waiting]
    approve_held(settings, place, draft, [0], seen.waiting[0].bill.calls)
    photos = tuple(job_file(name, FileIdentity(1, 1, 1, 1), FileRole.PHOTO) for name in sets[0])
    under_way = Explainer.under_way

    def begun_right_after(explainer: Explainer) -> set[str]:
        found = under_way(explainer)
        job = NewJob("inbox", ELM, "", draft[0].name, ELM, photos, Recipe())
        with studio.store() as store:
            store.create(job, "https://api.example", datetime.now(UTC))
        return found

    monkeypatch.setattr(Explainer, "under_way", begun_right_after)
    waiting = look_at(settings, place).waiting
    assert [[photo.name for photo in one.photos] for one in waiting] == sets[1:]
