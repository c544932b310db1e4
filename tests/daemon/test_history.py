"""A job's history in `hotfolder logs`, and the lines of the log."""

from __future__ import annotations

import asyncio
import io
import json
from datetime import datetime
from typing import Any

import pytest

from hotfolder import log
from tests.support.pictures import bracket, jpeg
from tests.support.studio import ELM, MakeStudio, Shop, Studio

pytestmark = pytest.mark.long

ROOM = "front__sky-twilight"


def logs(studio: Studio, job: str) -> dict[str, Any]:
    result = studio.say("logs", job, "--json")
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def job_id(studio: Studio, index: int = 0) -> str:
    return str(studio.status()["jobs"][index]["job"])


async def test_a_jobs_history_is_in_order_and_marks_what_was_paid_and_what_is_used_again(
    studio: Studio,
) -> None:
    photos = bracket()
    await studio.drop_and_run(ELM, ROOM, photos)
    told = logs(studio, job_id(studio))
    paid = [entry["text"] for entry in told["entries"] if entry["paid"] == "paid"]
    assert paid == ["The HDR merge is asked for.", "The sky replacement is asked for."]
    times = [entry["at"] for entry in told["entries"]]
    assert times == sorted(times)
    kinds = [entry["what"] for entry in told["entries"]]
    begun = kinds.index("call")
    assert kinds[:begun] == ["state"] * 3
    merge, sky = ["call", "answer", "answer", "state"], ["call", "answer", "state"]
    assert sorted(kinds[begun:][:4]) == sorted(merge) and kinds[begun + 4 :] == [*sky, "state", "state"]
    assert told["job"] == job_id(studio)
    assert len(told["pictures"]) == 2 and len(told["photos"]) == 3
    first = job_id(studio)
    lines = studio.say("logs", first).output.splitlines()
    assert lines[0] == f"{ELM} / front (job {first}): done"
    assert sum("  PAID  " in line for line in lines) == 2
    assert f"In done: {ELM}/front.jpg" in lines and "It is done." in lines[-4]
    await studio.drop_and_run(ELM, ROOM, photos)
    told = logs(studio, job_id(studio, 1))
    assert [entry["text"] for entry in told["entries"] if entry["what"] in ("call", "reuse")] == [
        f"The HDR merge was bought by job {first} and is used again.",
        f"The sky replacement was bought by job {first} and is used again.",
    ]


async def test_a_merge_s_picture_is_told_of_when_it_came_and_no_operations_where_there_are_none(
    studio: Studio, shop: Shop
) -> None:
    studio.drop(ELM, "kitchen", bracket())
    shop.goes_wrong({"endpoint": "group-get", "fault": 503, "when": {"from": 1, "to": 2}})
    await studio.until_idle()
    told = logs(studio, job_id(studio))
    accepted, brought = (entry for entry in told["entries"] if entry["what"] == "answer")
    assert accepted["text"] == "The HDR merge was accepted."
    assert brought["text"].startswith("The HDR merge brought ")
    texts = [entry["text"] for entry in told["entries"]]
    assert texts.index(brought["text"]) + 1 == texts.index(
        "Its merge is here, and nothing more is to be bought."
    )
    between = datetime.fromisoformat(brought["at"]) - datetime.fromisoformat(accepted["at"])
    assert between.total_seconds() > 0.5
    assert not [entry for entry in told["entries"] if "operations" in entry["text"]]


async def test_a_merge_that_failed_is_told_as_maybe_paid_with_its_reason(studio: Studio) -> None:
    studio.drop(ELM, "kitchen", {f"DSC{number}.jpg": jpeg(size=(161, 120)) for number in range(3)})
    await studio.until_idle()
    told = logs(studio, job_id(studio))
    [call] = [entry for entry in told["entries"] if entry["what"] == "call"]
    assert call["paid"] == "may be paid" and "nobody knows how it ended" in call["text"]
    assert told["entries"][-1]["text"].startswith("It needs a person")


async def test_a_call_that_nobody_knows_the_end_of_was_neither_accepted_nor_is_it_used_again(
    studio: Studio, shop: Shop
) -> None:
    shop.goes_wrong({"endpoint": "sky", "fault": "success-false"})
    await studio.drop_and_run(ELM, ROOM, bracket())
    first = job_id(studio)
    (studio.failed / ELM / ROOM).rename(studio.inbox / ELM / ROOM)
    await studio.until_idle()
    told = logs(studio, first)
    texts = [entry["text"] for entry in told["entries"]]
    said = "a fault that the sandbox was told to make"
    lost = f"nobody knows how it ended: its answer says success: false: “{said}”."
    sky = [text for text in texts if text.startswith("The sky replacement")]
    assert sky == [f"The sky replacement is asked for; {lost}"]
    told = logs(studio, job_id(studio))
    [merge, sky] = [entry for entry in told["entries"] if entry["what"] == "reuse"]
    assert sky["text"] == f"The sky replacement was asked for by job {first}; {lost}"
    assert (merge["paid"], sky["paid"]) == ("not paid", "may be paid")


async def test_a_call_that_a_later_attempt_bought_was_not_used_by_the_one_before(
    studio: Studio, shop: Shop
) -> None:
    shop.goes_wrong({"endpoint": "sky", "fault": 422})
    await studio.drop_and_run(ELM, ROOM, bracket())
    first = job_id(studio)
    shop.mark()
    (studio.failed / ELM / ROOM).rename(studio.inbox / ELM / ROOM)
    await studio.until_idle()
    assert shop.bought() == 1
    assert not [entry for entry in logs(studio, first)["entries"] if entry["what"] == "reuse"]


@pytest.mark.parametrize("budget", [0, 1])
async def test_why_a_job_waits_is_part_of_its_history(make_studio: MakeStudio, budget: int) -> None:
    """It is called waiting there, as in the status, and not being merged or edited."""
    studio = make_studio(limits={"paid_calls_per_day": budget})
    await studio.drop_and_run(ELM, ROOM, bracket())
    job = job_id(studio)
    notes = [entry["text"] for entry in logs(studio, job)["entries"]]
    assert notes[-1].startswith("It waits: the budget of paid calls for today is used up")
    lines = studio.say("logs", job).output.splitlines()
    assert lines[0] == f"{ELM} / front (job {job}): waiting for its turn"
    why = f"Why: the budget of paid calls for today is used up ({budget} of {budget})."
    assert lines[-1].startswith(why), lines
    said = studio.say("status").output
    assert "1 waiting for its turn" in said and "Waiting: 1" in said and "being" not in said


def test_the_history_of_an_unknown_job_is_a_usage_error(studio: Studio) -> None:
    result = studio.say("logs", "abc")
    assert result.exit_code == 2 and "Nothing has run" in result.stderr


async def test_every_line_of_the_log_about_a_job_names_job_project_and_room(studio: Studio) -> None:
    stream = io.StringIO()
    log.configure(stream=stream, json=True)
    await studio.drop_and_run(ELM, ROOM, bracket())
    for room in ("kitchen", "bath", "hall"):  # three unknown outcomes pause all paid calls
        photos = {f"DSC{number}.jpg": jpeg(size=(161, 120)) for number in range(3)}
        studio.drop(ELM, room, photos)
    await studio.until_idle()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    jobs = [line for line in lines if line["part"] in ("worker", "paying", "merging", "ledger")]
    assert {"job_created", "job_ended", "paid_call_leaves", "paid_calls_paused"} <= {
        line["event"] for line in jobs
    }
    assert not [line for line in jobs if not {"job", "project", "room"} <= line.keys()]


async def test_a_set_that_becomes_a_job_is_never_shown_twice(make_studio: MakeStudio) -> None:
    studio = make_studio(settle={"quiet_seconds": 4})
    studio.drop(ELM, "kitchen", bracket())
    async with studio.working():
        states: list[str] = []
        while states != ["done"]:
            jobs = studio.status()["jobs"]
            assert [job["folder"] for job in jobs] in ([], ["kitchen"])
            states = [job["state"] for job in jobs]
            await asyncio.sleep(0.02)
