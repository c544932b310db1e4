"""Faults of the API during one merge and one sky, each with its final state and its bound on payment."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from hotfolder.jobs.states import PurchaseState
from tests.scenarios.bench import SPEED, Bench
from tests.support.audit import Audit
from tests.support.pictures import bracket
from tests.support.sandboxledger import Entry
from tests.support.studio import MERGE, SKY, files_below

pytestmark = pytest.mark.long

Fault = dict[str, Any]
MERGED = {"living-room.jpg"}
ALL = MERGED | {"living-room__sky-twilight.png"}


@dataclass(frozen=True)
class Scenario:
    """`paid` is how many paid calls the sandbox accepts, `bound` how many it may at most. `both`: its records
    are of a kind of their own, so it is run with each store."""

    name: str
    faults: tuple[Fault, ...]
    state: str
    paid: int
    bound: int = 2
    delivered: frozenset[str] | set[str] = frozenset()
    says: str = ""
    extra: Callable[[Bench, Audit], None] | None = None
    both: bool = False


def at(endpoint: str, fault: str | int, when: Any = None, **more: Any) -> Fault:
    return {"endpoint": endpoint, "fault": fault, **({} if when is None else {"when": when}), **more}


def sky_was_asked_once(bench: Bench, audit: Audit) -> None:
    assert bench.shop.asked(SKY) == 1


def raw_answer_is_kept(bench: Bench, audit: Audit) -> None:
    [sky] = [call for call in audit.calls if call.operation == "sky"]
    assert sky.state == PurchaseState.UNKNOWN
    assert sky.answer is not None and '"status": 200' in sky.answer
    assert "body" in sky.answer


def merge_was_asked_three_times(bench: Bench, audit: Audit) -> None:
    assert bench.shop.asked(MERGE) == 3


def a_second_look_at_the_group(bench: Bench, audit: Audit) -> None:
    assert bench.shop.asked("/api/hdr-image-group/{groupId}") >= 2
    assert "result_not_usable" in bench.text()


def refused_thrice(bench: Bench, audit: Audit) -> None:
    met = [entry for entry in bench.shop.page() if entry.fault == "refused"]
    assert len(met) == 3
    assert [call.note for call in audit.calls if call.state == PurchaseState.NOT_EXECUTED]


def done(name: str, *faults: Fault, **more: Any) -> Scenario:
    return Scenario(name, faults, "done", paid=2, delivered=ALL, **more)


def attention(name: str, *faults: Fault, paid: int, says: str = "charged", **more: Any) -> Scenario:
    return Scenario(name, faults, "needs_attention", paid=paid, says=says, **more)


SKY_ANSWERS = ("malformed", "success-false", "empty-data", "wrong-types")
PICTURE_FAULTS = ("truncated", "cut", "html", "empty")

SCENARIOS = [
    done("the merge's answer is lost, and adopted by polling", at("enhance", "reset-after", 1), both=True),
    done("the merge's answer breaks off", at("enhance", "reset-mid", 1)),
    done("the merge is answered with a 500 and done all the same", at("enhance", 500, 1, processed=True)),
    attention(
        "the merge's answer is lost and its status never clear",
        at("enhance", "reset-after", 1),
        at("group-get", "never"),
        paid=1,
        bound=1,
    ),
    attention(
        "the merge's answer is lost and its status a word that nobody knows",
        at("enhance", "reset-after", 1),
        at("group-get", "unknown-status"),
        paid=1,
        bound=1,
    ),
    attention(
        "the merge's answer says that it failed, and its status is never clear",
        at("enhance", "success-false", 1),
        at("group-get", "never"),
        paid=1,
        bound=1,
        says="its answer says success: false: “",
    ),
    attention("the group ends failed", at("group-get", "failed"), paid=1, bound=1, both=True),
    attention(
        "the merge is reset before it is read", at("enhance", "reset-before", 1), paid=0, bound=1, both=True
    ),
    *(
        attention(
            f"the sky's answer is lost ({fault})",
            at("sky", fault, 1),
            paid=2,
            delivered=MERGED,
            extra=sky_was_asked_once,
            both=fault == "reset-after",
        )
        for fault in ("reset-after", "reset-mid")
    ),
    *(
        attention(
            f"the sky is answered with a {status}",
            at("sky", status, processed=processed),
            paid=2 if processed else 1,
            delivered=MERGED,
            extra=sky_was_asked_once,
        )
        for status, processed in ((500, False), (502, True), (503, False), (504, True))
    ),
    *(
        attention(
            f"the sky's 200 is {fault}",
            at("sky", fault),
            paid=2,
            delivered=MERGED,
            extra=raw_answer_is_kept,
            both=fault == "malformed",
        )
        for fault in SKY_ANSWERS
    ),
    done(
        "connections are refused three times, once for each paid call",
        at("put", "refused", 3, seconds=0.4, origin="api"),
        at("image", "refused", 1, seconds=0.4, origin="api"),
        at("projects", "refused", 1, seconds=0.4),
        extra=refused_thrice,
        both=True,
    ),
    done(
        "429 with Retry-After, twice at the merge",
        at("enhance", 429, [1, 2], retry_after=5),
        extra=merge_was_asked_three_times,
    ),
    done("429 with a date at the sky", at("sky", 429, 1, retry_after_date=2)),
    done("429 without Retry-After everywhere", at("*", 429, {"every": 3})),
    done(
        "503 at everything that is free", *(at(free, 503, 1) for free in ("projects", "group-create", "put"))
    ),
    done("a 5xx at the group's status", at("group-get", 502, [1, 2])),
    done("a malformed status", at("group-get", "malformed", [1, 2])),
    done("completed, and no address yet", at("group-get", "completed-without-url", [1, 2])),
    done("the image's upload breaks off", at("image", "reset-halfway", 1)),
    done("the merge's result is 404 once", at("result-get", 404, 1), extra=a_second_look_at_the_group),
    done("the merge's address has expired", at("result-get", "expired", 1), extra=a_second_look_at_the_group),
    done("the sky's result is 404 once", at("result-get", 404, 2)),
    attention(
        "the sky's result is gone for good",
        at("result-get", 404, {"from": 2}),
        paid=2,
        delivered=MERGED,
        says="was paid for",
        both=True,
    ),
    *(
        done(f"the result is {fault}: the first of both", at("result-get", fault, [1, 3]))
        for fault in PICTURE_FAULTS
    ),
    attention(
        "the result is never a picture",
        at("result-get", "html"),
        paid=1,
        says="was paid for, but its picture could not be downloaded: the result does not begin like",
    ),
    done("an upload address has expired", at("put", "expired", 2)),
    done("an upload breaks off halfway", at("put", "reset-halfway", [2, 4])),
    done("the answer with an upload address is lost", at("upload-url", "reset-after", 2)),
]


@pytest.mark.parametrize("scenario", [one for one in SCENARIOS if not one.both], ids=lambda one: one.name)
def test_a_merge_and_a_sky(bench: Bench, scenario: Scenario) -> None:
    goes(bench, scenario)


@pytest.mark.both_stores
@pytest.mark.parametrize("scenario", [one for one in SCENARIOS if one.both], ids=lambda one: one.name)
def test_a_merge_and_a_sky_with_each_store(bench: Bench, scenario: Scenario) -> None:
    goes(bench, scenario)


def goes(bench: Bench, scenario: Scenario) -> None:
    bench.shop.goes_wrong(*scenario.faults)
    photos = bench.drop()
    assert bench.live() == 0, bench.text()
    audit = bench.check(scenario.state, paid=scenario.paid, bound=scenario.bound)
    assert bench.delivered() == scenario.delivered
    assert scenario.says in audit.jobs[0].reason
    if scenario.state == "needs_attention":
        assert files_below(bench.studio.failed).keys() == {
            f"12 Elm Road/living-room__sky-twilight/{name}" for name in (*photos, "REASON.txt")
        }
        assert re.search("charged|paid for", bench.reason_page(), re.IGNORECASE)
    if scenario.extra is not None:
        scenario.extra(bench, audit)


def seconds(entry: Entry) -> float:
    return datetime.fromisoformat(entry.time).timestamp()


async def test_a_storage_that_says_when_to_come_back_is_obeyed_though_others_get_through(
    bench: Bench,
) -> None:
    """Fifty seconds pass by the daemon's clock, while the API and the other photos answer normally. After 60
    `--until-idle` may end as well as go on."""
    bench.shop.goes_wrong(at("put", 503, 2, retry_after=50))
    await bench.drop_and_run(files=bracket(7))
    bench.check("done", paid=2)
    puts = [entry for entry in bench.shop.page() if entry.method == "PUT"]
    [met] = [entry for entry in puts if entry.fault]
    assert seconds(puts[-1]) - seconds(met) >= 50 / SPEED - 0.1


async def test_what_goes_on_after_a_trouble_is_waited_for_however_long_it_takes(bench: Bench) -> None:
    """More than a minute passes by the daemon's clock, in which the API works."""
    bench.shop.goes_wrong(at("result-get", 503, 2), at("stage", "hang", seconds=2))
    await bench.drop_and_run("front__sky-twilight__stage-scandinavian")
    bench.check("done", paid=3)


def test_the_scenarios_stay_within_the_bounds_that_are_promised() -> None:
    assert all(scenario.paid <= scenario.bound <= 2 for scenario in SCENARIOS)
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
