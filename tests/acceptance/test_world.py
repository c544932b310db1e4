"""A bad world, a second daemon on the same inbox, and what other processes report of them."""

from __future__ import annotations

import json
from pathlib import Path

from hotfolder.telemetry.overview import SETTLING
from tests.support.pictures import bracket
from tests.support.studio import ELM, MakeStudio, Shop, Studio, files_below

FIELDS = {"project", "room", "folder", "state", "reason"}


def test_a_dead_api_moves_nothing_says_why_and_is_taken_up_again_by_itself(
    tmp_path: Path, make_studio: MakeStudio, free_port: int
) -> None:
    api = {"base_url": f"http://127.0.0.1:{free_port}", "storage_hosts": ["127.0.0.2"]}
    studio = make_studio(api=api)
    photos = bracket()
    folder = studio.drop(ELM, "kitchen", photos)
    studio.start()
    status = studio.wait_until(lambda status: status.get("api", {}).get("paused"))
    # Photos go up while their set still arrives, which it gives as its reason.
    [job] = studio.wait_until(
        lambda status: [one for one in status["jobs"] if one["reason"] and one["state"] != SETTLING]
    )["jobs"]
    assert job["state"] in ("uploading", "queued")
    assert "connect" in job["reason"] or "reach" in job["reason"], job
    assert status["api"]["reason"]
    assert files_below(folder) == photos
    assert not studio.failed.exists() or not files_below(studio.failed)
    with Shop(tmp_path / "shop", port=free_port) as shop:
        studio.wait_for_states("done")
        assert shop.bought() == 1


def test_a_second_daemon_is_refused_and_told_who_holds_the_folder(studio: Studio) -> None:
    first = studio.start()
    under_way = studio.results / "under-way.part"
    under_way.write_bytes(b"half a download")
    second = studio.call("run", "--sandbox")
    assert second.returncode == 2
    assert f"process {first.process.pid}" in second.stderr
    assert under_way.read_bytes() == b"half a download"
    assert not (studio.state / "sandbox" / "ports.json").exists()
    assert first.stop() == 0


def test_a_second_daemon_on_the_same_inbox_with_a_state_of_its_own_is_refused_and_buys_nothing(
    shop: Shop, make_studio: MakeStudio
) -> None:
    studio = make_studio()
    first = studio.start()
    other = make_studio(inbox=str(studio.inbox))
    second = other.start()
    assert second.wait() == 2
    assert f"process {first.process.pid} on " in second.text() and str(studio.inbox) in second.text()
    studio.drop(ELM, "kitchen", bracket())
    studio.wait_for_states("done")
    assert first.stop() == 0
    assert shop.bought() == 1


def test_status_json_is_the_object_that_others_script_against(studio: Studio) -> None:
    before = json.loads(studio.say("status", "--json").stdout)
    assert before["jobs"] == []
    run = studio.start()
    studio.drop(ELM, "kitchen", bracket())
    studio.drop(ELM, "hall__sky-twilihgt", bracket())
    studio.wait_for_states("done", "failed")
    studio.wait_until(lambda status: status["inboxes"]["inbox"]["no_events"] == "")  # the daemon has scanned
    told = json.loads(studio.call("status", "--json").stdout)
    assert told == {**studio.status(), "state_folder": str(studio.state)}
    jobs = {job["folder"]: job for job in told["jobs"]}
    assert all(job.keys() >= FIELDS for job in jobs.values())
    assert (jobs["kitchen"]["project"], jobs["kitchen"]["room"]) == (ELM, "kitchen")
    assert jobs["kitchen"]["state"] == "done"
    hall = jobs["hall__sky-twilihgt"]
    assert (hall["room"], hall["state"]) == ("hall__sky-twilihgt", "failed")
    assert "sky-twilihgt" in hall["reason"]
    assert told["daemon"] == {"running": True, "pid": run.process.pid}
