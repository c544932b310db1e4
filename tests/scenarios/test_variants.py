"""Two variants of one merge: each bought once, and delivered whatever becomes of the other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.scenarios.bench import Bench, MakeBench
from tests.support.pictures import bracket
from tests.support.studio import ELM, MERGE, files_below

pytestmark = pytest.mark.long

MERGED, DAY, DUSK = "front.jpg", "front__sky-blue.png", "front__sky-twilight.png"
ROUTE: dict[str, Any] = {
    "name": "outside",
    "match": {"room": "front"},
    "variants": {"day": ["sky-blue"], "dusk": ["sky-twilight"]},
}


@pytest.fixture
def bench(make_bench: MakeBench) -> Bench:
    return make_bench(routes=[ROUTE])


@pytest.mark.both_stores
async def test_both_are_delivered_beside_the_merge_which_is_paid_for_once(bench: Bench) -> None:
    """The same photos in another project cost nothing."""
    photos = bench.drop("front")
    await bench.drop_and_run("front", photos, project="Summer list")
    bench.check("done", "done", paid=3)
    assert len([charge for charge in bench.shop.charged() if charge.route == MERGE]) == 1
    for project in (ELM, "Summer list"):
        assert bench.delivered(project) == {MERGED, DAY, DUSK}
    [receipt] = files_below(bench.studio.done / ELM / "receipts").values()
    told = {one["file"]: (one["variant"], one["altered"]) for one in json.loads(receipt)["pictures"]}
    assert told == {
        f"{ELM}/{MERGED}": ("", []),
        f"{ELM}/{DAY}": ("day", ["sky"]),
        f"{ELM}/{DUSK}": ("dusk", ["sky"]),
    }


async def test_what_variants_share_is_paid_for_once_and_only_their_ends_are_delivered(
    make_bench: MakeBench,
) -> None:
    """A name pattern with the variant needs no tags."""
    furniture = {
        name: [{"stage": {"roomStyle": name, "roomType": "TERRACE"}}] for name in ("modern", "luxury")
    }
    bench = make_bench(routes=[{**ROUTE, "variants": furniture, "deliver": {"name": "{room} {variant}"}}])
    await bench.drop_and_run("front__sky-blue")
    bench.check("done", paid=4)
    assert bench.delivered() == {MERGED, "front modern.png", "front luxury.png"}


async def test_one_that_is_refused_leaves_the_other_and_is_asked_for_alone_the_next_time(
    bench: Bench,
) -> None:
    bench.shop.goes_wrong({"endpoint": "sky", "fault": 422, "when": 1})
    photos = await bench.drop_and_run("front")
    audit = bench.check("failed", paid=2)
    assert "(for the variant day)" in audit.jobs[0].reason
    assert bench.delivered() == {MERGED, DUSK}
    folder = bench.studio.failed / ELM / "front"
    (folder / "REASON.txt").unlink()
    folder.rename(bench.path(ELM, "front"))
    await bench.until_idle()
    bench.check("superseded", "done", paid=3)
    assert bench.delivered() == {MERGED, DAY, DUSK}
    assert {path.name for path in (bench.studio.done / ELM / "originals").rglob("*.jpg")} == photos.keys()


@pytest.mark.both_stores
async def test_one_whose_answer_is_lost_needs_a_person_and_the_other_is_delivered(bench: Bench) -> None:
    bench.shop.goes_wrong({"endpoint": "sky", "fault": "reset-after", "when": 1})
    await bench.drop_and_run("front")
    bench.check("needs_attention", paid=3)
    assert bench.delivered() == {MERGED, DUSK}
    assert " Nobody here can tell whether" in bench.reason_page("front")
    assert "(for the variant day)" in bench.reason_page("front")


async def test_every_variant_counts_against_the_budget_of_a_set(make_bench: MakeBench) -> None:
    bench = make_bench(routes=[ROUTE], limits={"paid_calls_per_job": 2})
    await bench.drop_and_run("front", bracket())
    audit = bench.check("editing", paid=2)
    assert "used up (2 of 2)" in audit.jobs[0].reason
