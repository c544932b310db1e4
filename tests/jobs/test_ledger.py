"""The ledger of purchases: at most one open or successful purchase for each key, by index. Keys: equal for
the same purchase, different for any other."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlmodel import Session, col, select

from hotfolder.errors import Cancelled
from hotfolder.jobs.budget import DAILY, OF_PROJECT, NotAllowed, midnight
from hotfolder.jobs.database import open_store
from hotfolder.jobs.journal import Journal
from hotfolder.jobs.ledger import Ledger, move_purchase, read_chain
from hotfolder.jobs.model import HOLDS_KEY, Job, Purchase, merge_key, operation_key, scope_key
from hotfolder.jobs.states import OWN_END, IllegalMove, PurchaseState
from hotfolder.jobs.store import Store
from hotfolder.rules.recipes import Recipe, Variant
from hotfolder.stager.operations import OPERATIONS, HdrOptions, Lawn, Operation, Sky, Stage
from tests.jobs.conftest import AT, purchase, result


def test_an_intent_is_there_for_others_when_begin_returns(ledger: Ledger, database: Engine) -> None:
    ledger.record_intent(purchase(), AT)
    other = create_engine(database.url)
    known = Store(other).ledger.purchase_for("k")
    other.dispose()
    assert known is not None and known.state == PurchaseState.STARTED


@pytest.mark.parametrize("how", ["started", "answered", "unknown", "succeeded"])
def test_a_call_that_may_cost_holds_its_key(ledger: Ledger, how: str) -> None:
    number = ledger.record_intent(purchase(), AT)
    if how == "answered":
        ledger.record_answer(number, "{}", AT)
    elif how == "unknown":
        ledger.record_failure(number, PurchaseState.UNKNOWN, "lost")
    elif how == "succeeded":
        ledger.record_results(number, [result(number)])
    known = ledger.purchase_for("k")
    assert known is not None and known.state == how
    with pytest.raises(IllegalMove, match="is held"):
        ledger.record_intent(purchase(job="job2"), AT)


def test_a_call_that_did_not_happen_frees_its_key(ledger: Ledger) -> None:
    for _ in range(3):
        number = ledger.record_intent(purchase(), AT)
        ledger.record_failure(number, PurchaseState.NOT_EXECUTED, "refused")
    assert ledger.purchase_for("k") is None
    assert ledger.record_intent(purchase(), AT) > 0
    assert len(ledger.of_job("job1")) == 4


def test_keeping_results_twice_keeps_them_once_and_in_order(ledger: Ledger) -> None:
    number = ledger.record_intent(purchase(), AT)
    ledger.record_answer(number, '{"raw": true}', AT)
    for _ in range(2):
        ledger.record_results(number, [result(number, 1), result(number, 0)])
    assert [one.position for one in ledger.results(number)] == [0, 1]
    known = ledger.purchase_for("k")
    assert known is not None and (known.state, known.answer) == (PurchaseState.SUCCEEDED, '{"raw": true}')


def test_nothing_is_bought_for_a_job_once_its_cancellation_is_in_the_store(
    ledger: Ledger, database: Engine
) -> None:
    """The cancellation is checked within the intent's transaction, so that nothing comes in between."""
    with Session(database) as session, session.begin():
        place = partial(Job, id="job1", inbox="i", project="elm", folder="f", room="r", title="t")
        session.add(place(created_at=AT, updated_at=AT, cancelled_by="anna"))
    with pytest.raises(Cancelled, match="by anna"):
        ledger.record_intent(purchase(), AT)
    assert ledger.all_purchases() == []


def test_a_change_that_the_table_does_not_hold_is_refused(ledger: Ledger) -> None:
    number = ledger.record_intent(purchase(), AT)
    ledger.record_answer(number, "{}", AT)
    with pytest.raises(IllegalMove, match="answered cannot become not_executed"):
        ledger.conclude(ledger.of_job("job1")[0], PurchaseState.NOT_EXECUTED, "refused")
    assert [one.state for one in ledger.of_job("job1")] == [PurchaseState.ANSWERED]


def test_a_change_counts_only_from_the_state_in_which_it_was_read(ledger: Ledger, database: Engine) -> None:
    """Another process may have recorded something between reading and writing."""
    number = ledger.record_intent(purchase(), AT)
    stale = ledger.purchase_for("k")
    assert stale is not None
    ledger.record_answer(number, "{}", AT)
    with Session(database) as session, pytest.raises(IllegalMove, match="not started any more"):
        move_purchase(session, stale, PurchaseState.UNKNOWN)
    assert not ledger.conclude(stale, PurchaseState.UNKNOWN, "nobody answered")
    assert [one.state for one in ledger.of_job("job1")] == [PurchaseState.ANSWERED]


def test_an_answer_that_only_the_journal_has_reaches_the_database(database: Engine, tmp_path: Path) -> None:
    ledger, intent = Store(database, Journal(tmp_path / "journal")).ledger, purchase()
    number = ledger.record_intent(intent, AT)
    ledger.journal_answer(intent, '{"raw": true}', AT)
    assert [one.state for one in ledger.all_purchases()] == [PurchaseState.STARTED]
    assert (ledger.restore(), ledger.restore()) == (1, 0)
    [known] = ledger.all_purchases()
    assert (known.id, known.state, known.answer) == (number, PurchaseState.ANSWERED, '{"raw": true}')


def test_a_request_that_never_leaves_holds_no_key_with_its_intent_recorded_or_not(ledger: Ledger) -> None:
    ledger.withdraw_intent(purchase())
    assert ledger.all_purchases() == []
    intent = purchase()
    ledger.record_intent(intent, AT)
    for _ in range(2):
        ledger.withdraw_intent(intent)
    assert ledger.held_keys(["k"]) == set()


def test_a_lost_database_gets_back_from_the_journal_what_was_paid(database: Engine, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    ledger = Store(database, journal).ledger
    number = ledger.record_intent(purchase(), AT)
    ledger.record_answer(number, "{}", AT)
    ledger.record_results(number, [result(number)])
    before = ledger.purchase_for("k")
    with database.begin() as connection:
        connection.execute(text("DELETE FROM result"))
        connection.execute(text("DELETE FROM purchase"))
    assert (ledger.restore(), ledger.restore()) == (1, 0)
    after = ledger.purchase_for("k")
    assert before is not None and after is not None and after.id is not None
    assert after.model_dump(exclude={"id"}) == before.model_dump(exclude={"id"})
    assert [one.file for one in ledger.results(after.id)] == ["0.jpg"]


def test_a_journal_of_earlier_releases_tells_the_outcome_by_its_notes(ledger: Ledger, tmp_path: Path) -> None:
    lines = [
        {"uid": f"u{number}", "key": f"k{number}", "job_id": "j", "operation": "sky", "parameters": "{}",
         "state": "unknown", "note": note, "started_at": "2026-05-04T12:00:00.123+00:00"}
        for number, note in enumerate(("given up: why", f"given up: {OWN_END}", "lost"))
    ]  # fmt: skip
    (tmp_path / "journal").write_text(
        "".join(json.dumps({"call": one, "results": []}) + "\n" for one in lines)
    )
    ledger.journal = Journal(tmp_path / "journal")
    assert ledger.restore() == 3
    told = [(one.outcome, one.note) for one in ledger.all_purchases()]
    assert told == [("given_up", "why"), ("interrupted", OWN_END), ("", "lost")]


def test_a_key_is_found_by_its_index(tmp_path: Path) -> None:
    """Each set looks up several keys among all purchases ever."""
    database = open_store(tmp_path)
    for wanted in (col(Purchase.key) == "k", col(Purchase.key).in_(["k", "l"])):
        asked = select(Purchase).where(wanted, HOLDS_KEY)
        spelt = asked.compile(database, compile_kwargs={"literal_binds": True})
        with database.connect() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {spelt}").all()[-1][-1]
        assert "one_purchase_per_key (key=?)" in plan
    database.dispose()


def test_a_clock_that_was_set_back_opens_no_budget_until_a_person_resumes(ledger: Ledger) -> None:
    """What is dated later than today counts for today, and keeps its date."""
    before = AT - timedelta(days=1)
    ledger.record_intent(purchase("k1"), AT, {DAILY: 2})
    ledger.record_intent(purchase("k2"), before, {DAILY: 2})
    assert [one.started_at for one in ledger.all_purchases()] == [AT, before]
    with pytest.raises(NotAllowed, match=r"today is used up \(2 of 2\)") as refused:
        ledger.record_intent(purchase("k3"), before, {DAILY: 2})
    assert "A paid call has a later date" in refused.value.hint
    ledger.store.pause("the clock was ahead")
    assert ledger.store.resume()
    ledger.record_intent(purchase("k3"), before, {DAILY: 2})
    assert (ledger.paid_today(before), ledger.paid_today(AT)) == (2, 1)


def test_a_budget_of_nothing_does_not_continue_tomorrow(ledger: Ledger) -> None:
    with pytest.raises(NotAllowed, match=r"today is used up \(0 of 0\)") as refused:
        ledger.record_intent(purchase("k1"), AT, {DAILY: 0})
    assert refused.value.hint == "To continue, raise limits.paid_calls_per_day."


def test_where_the_project_s_budget_is_used_up_too_nobody_is_told_to_wait_for_tomorrow(
    ledger: Ledger,
) -> None:
    ledger.record_intent(purchase("k1"), AT, {})
    with pytest.raises(NotAllowed, match="for the project ") as refused:
        ledger.record_intent(purchase("k2"), AT, {DAILY: 1, OF_PROJECT: 1})
    assert "tomorrow" not in refused.value.hint


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("now", "began"),
    [
        ("2026-05-04T12:00", "2026-05-03T22:00"),
        ("2026-05-03T22:00", "2026-05-03T22:00"),
        ("2026-05-03T21:59", "2026-05-02T22:00"),
        # Clocks go forward on 29 March and back on 25 October; midnight has the offset of the hours before.
        ("2026-03-29T10:00", "2026-03-28T23:00"),
        ("2026-10-25T22:30", "2026-10-24T22:00"),
    ],
)
def test_a_day_begins_at_the_midnight_of_this_place(now: str, began: str) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert midnight(at).astimezone(UTC) == datetime.fromisoformat(began).replace(tzinfo=UTC)


@pytest.mark.usefixtures("chile")
def test_where_clocks_go_forward_at_midnight_a_day_begins_at_one() -> None:
    midday = datetime(2026, 9, 6, 15, tzinfo=UTC)
    assert (
        midnight(midday)
        == midnight(midday - timedelta(days=1), days=1)
        == datetime(2026, 9, 6, 4, tzinfo=UTC)
    )


LAWN = Lawn(lawn_type="medium")
BLUE, TWILIGHT = Sky(sky_type="blue"), Sky(sky_type="twilight")
RECIPES = [
    Recipe(),
    Recipe(operations=(LAWN, BLUE)),
    Recipe(merge=False, operations=(BLUE,)),
    Recipe(
        variants=(
            Variant(name="day", operations=(LAWN, BLUE)),
            Variant(name="dusk", operations=(LAWN, TWILIGHT)),
        )
    ),
]


def buy(ledger: Ledger, recipe: Recipe, photos: list[str], most: int) -> list[str]:
    """Buy the set's first purchases; their keys."""
    keys = []
    sources = {} if recipe.merge else {(): photos[0]}
    for path in (*(((),) if recipe.merge else ()), *recipe.operation_paths())[:most]:
        source = sources.get(path[:-1], "")
        key = operation_key("o", source, path[-1], 0) if path else merge_key("o", photos, recipe.hdr, 0)
        number = ledger.record_intent(purchase(key), AT)
        ledger.record_answer(number, "{}", AT)
        sources[path] = f"picture {number}"
        ledger.record_results(number, [result(number, n, sources[path] + "b" * n) for n in (1, 0)])
        keys.append(key)
    return keys


@pytest.mark.parametrize("most", range(5))
@pytest.mark.parametrize("recipe", RECIPES)
def test_the_purchases_of_a_set_are_found_as_far_as_they_were_made(
    ledger: Ledger, recipe: Recipe, most: int
) -> None:
    bought = buy(ledger, recipe, ["a", "b"], most)
    buy(ledger, recipe, ["c", "d"], most)
    steps = read_chain(ledger.store, "o", ["a", "b"], recipe, 0)
    assert [step.purchase.key for step in steps] == bought
    assert ledger.held_keys([*bought, "another"]) == set(bought)


HOME, SANDBOX = "https://api.stagerai.com", "sandbox"

# A value other than the default for every field of every operation.
OTHER: dict[type[Any], dict[str, Any]] = {
    HdrOptions: {"lens_correction": False, "perspective_correction": False, "photographer_removal": False},
    Sky: {"sky_type": "blue", "sky_sub_type": "dramatic", "resolution": "low"},
    Lawn: {"lawn_type": "strong", "resolution": "superHigh", "extra_instructions": "Keep the path"},
    Stage: {
        "room_type": "KITCHEN",
        "room_style": "luxury",
        "action_type": "autoStaging",
        "resolution": "low",
        "color_types": ("beige",),
        "remove_furniture": True,
        "extra_instructions": "Add a sofa",
    },
}
USUAL: dict[type[Any], dict[str, Any]] = {
    HdrOptions: {},
    Sky: {"sky_type": "twilight"},
    Lawn: {"lawn_type": "light"},
    Stage: {"room_type": "BEDROOM", "room_style": "modern"},
}


def key_of(made: HdrOptions | Operation) -> str:
    if isinstance(made, HdrOptions):
        return merge_key(HOME, ["a", "b"], made, 0)
    return operation_key(HOME, "a", made, 0)


def test_the_order_of_the_photos_does_not_matter() -> None:
    keys = {merge_key(HOME, order, HdrOptions(), 0) for order in (["a", "b", "c"], ["c", "a", "b"])}
    assert len(keys) == 1
    assert scope_key(HOME, ["a", "b"]) == scope_key(HOME, ["b", "a"])


@pytest.mark.parametrize("photos", [["a"], ["a", "b", "b"], ["a", "c"], ["ab"]])
def test_other_photos_are_another_purchase(photos: list[str]) -> None:
    assert merge_key(HOME, photos, HdrOptions(), 0) != merge_key(HOME, ["a", "b"], HdrOptions(), 0)


def test_every_kind_of_paid_call_is_tried() -> None:
    assert OTHER.keys() == USUAL.keys() == {HdrOptions, *OPERATIONS}


@pytest.mark.parametrize("kind", OTHER)
def test_every_parameter_is_tried(kind: type[Any]) -> None:
    assert OTHER[kind].keys() == kind.model_fields.keys() - {"kind"}


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind in OTHER for field in OTHER[kind]])
def test_every_parameter_makes_another_purchase(kind: type[Any], field: str) -> None:
    usual = kind.model_validate(USUAL[kind])
    other = kind.model_validate({**USUAL[kind], field: OTHER[kind][field]})
    assert key_of(usual) != key_of(other)


def test_kinds_origins_and_generations_are_apart() -> None:
    sky = Sky.model_validate(USUAL[Sky])
    keys = [
        merge_key(HOME, ["a"], HdrOptions(), 0),
        merge_key(HOME, ["a"], HdrOptions(), 1),
        merge_key(SANDBOX, ["a"], HdrOptions(), 0),
        operation_key(HOME, "a", sky, 0),
        operation_key(HOME, "a", sky, 1),
        operation_key(SANDBOX, "a", sky, 0),
        operation_key(HOME, "a", Lawn.model_validate(USUAL[Lawn]), 0),
        scope_key(HOME, ["a"]),
        scope_key(SANDBOX, ["a"]),
    ]
    assert all(one != other for one, other in combinations(keys, 2))


def test_keys_stay_what_they_were_or_everything_bought_so_far_is_bought_again() -> None:
    sky = Sky.model_validate(USUAL[Sky])
    assert merge_key(HOME, ["a", "b"], HdrOptions(), 0).startswith("43d369a36ca7df60")
    assert operation_key(HOME, "a", sky, 0).startswith("2b0a35410c984170")
