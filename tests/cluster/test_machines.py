"""Two machines with one database: they share the work, and a dead, frozen or disconnected one is replaced."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest
from sqlalchemy import make_url, text

from hotfolder.crashpoints import CrashPoint
from hotfolder.daemon.reporter import LONGEST_PAUSE_SECONDS, WHOLE_SECONDS
from hotfolder.jobs.states import PurchaseState, State
from hotfolder.jobs.store import Store
from hotfolder.telemetry.telemetry import ENDED_IN, NOTIFIER_STATE
from tests.support.cluster import Cluster
from tests.support.member import API_BY
from tests.support.pageprocess import page_process
from tests.support.pictures import bracket
from tests.support.postgres import Postgres
from tests.support.proxy import between, held_port
from tests.support.receiver import Receiver
from tests.support.studio import MERGE, SKY, files_below, wait_for, words_of

pytestmark = pytest.mark.long

Make = Callable[..., Cluster]
LEASE_SECONDS = 1.0
JPEG = b"\xff\xd8"
SKY_TAG = "__sky-twilight"


def all_done(number: int) -> Callable[[Store], bool]:
    return lambda store: store.count_by_state() == {State.DONE: number}


def buyers(cluster: Cluster) -> Counter[str]:
    """The number of purchases by machine, with the test's names for the machines; without those whose request
    was not sent, as by a machine so slow that its lease had run out by then."""
    names = {member.id_: name for name, member in cluster.members.items()}
    with cluster.store() as store:
        made = [one for one in store.ledger.all_purchases() if one.state != PurchaseState.NOT_EXECUTED]
        return Counter(names[one.machine] for one in made)


def shared_out(cluster: Cluster) -> dict[str | None, str]:
    """The inbox of each of two machines, once both have one."""

    def inboxes() -> dict[str | None, str]:
        found = {owner: inbox for inbox, owner in cluster.owners().items()}
        return found if found.keys() == {"one", "two"} else {}

    return wait_for(inboxes)


def pictures(cluster: Cluster) -> list[str]:
    done = files_below(cluster.studio.done)
    return [name for name in done if name.count("/") == 1 and name.endswith((".jpg", ".png"))]


def test_two_machines_share_the_inboxes_and_nothing_is_paid_twice(cluster: Make) -> None:
    shared = cluster(inboxes="abcd")
    one, two = shared.member("one"), shared.member("two")
    one.start()
    two.start()
    shared.wait_until(
        lambda _: sorted(filter(None, shared.owners().values())) == ["one", "one", "two", "two"]
    )
    for number in range(8):
        shared.drop("abcd"[number % 4], "12 Elm", f"room{number}{SKY_TAG}", bracket())
    shared.wait_until(all_done(8))
    assert (shared.shop.bought(MERGE), shared.shop.bought(SKY)) == (8, 8)
    assert buyers(shared) == {"one": 8, "two": 8}
    assert len(pictures(shared)) == 16

    def told(*running: bool) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(two.call("status", "--json").stdout)
        return found if [machine["running"] for machine in found["machines"]] == [*running] else {}

    # Every machine reports all jobs.
    status = wait_for(lambda: told(True, True))
    assert sorted(name for machine in status["machines"] for name in machine["working"]) == list("abcd")
    assert len(status["jobs"]) == 8
    assert (one.runs[-1].stop(), two.runs[-1].stop()) == (0, 0)
    assert told(False, False)


def test_no_sign_of_life_is_expected_of_an_inbox_that_was_handed_over(cluster: Make, free_port: int) -> None:
    """Otherwise systemd would kill the machine that handed the inbox over as hanging."""
    shared = cluster(inboxes="ab", store={"lease_seconds": LEASE_SECONDS})
    one, two = shared.member("one", HOTFOLDER_WEB__PORT=str(free_port)), shared.member("two")
    one.start()

    def scans() -> set[str]:
        try:
            with urlopen(f"http://127.0.0.1:{free_port}/healthz") as answer:
                return {part for part in json.load(answer)["parts"] if part.startswith("scan of")}
        except URLError:  # not served yet
            return set()

    shared.wait_until(lambda _: scans() == {"scan of a", "scan of b"})
    two.start()
    kept = shared_out(shared)["one"]
    shared.wait_until(lambda _: scans() == {f"scan of {kept}"})


def test_a_machine_is_ready_while_another_can_t_reach_the_api(cluster: Make) -> None:
    shared = cluster(inboxes="ab", store={"lease_seconds": LEASE_SECONDS})
    host, _, api = shared.shop.url.rpartition("/")[2].partition(":")

    def reasons(name: str) -> list[str]:
        try:
            with urlopen(f"http://127.0.0.1:{ports[name]}/readyz") as answer:
                return list(json.load(answer)["reasons"])
        except HTTPError as error:
            return list(json.load(error)["reasons"])

    with between((host, int(api))) as proxy, held_port() as first, held_port() as second:
        ports = {"one": first, "two": second}
        for name, port in ports.items():
            member = shared.member(name, HOTFOLDER_WEB__PORT=str(port))
            if name == "one":
                member.changes[API_BY] = f"http://127.0.0.1:{proxy.port}"
            member.program = "tests.support.member"
            member.start()
        cut_off = shared_out(shared)["one"]
        proxy.cut()
        shared.drop(cut_off, "12 Elm", "study", bracket())
        wait_for(lambda: reasons("one"))
        shared.wait_until(lambda _: "The work waits: on " in shared.members["two"].call("status").stdout)
        shared.drop("ab".replace(cut_off, ""), "14 Elm", "study", bracket())  # a reason to look again
        shared.wait_until(lambda store: store.count_by_state().get(State.DONE))
        time.sleep(WHOLE_SECONDS)
        assert "can't be reached" not in str(reasons("two"))
        # A lease that has just run out, on a slow machine, is another reason for a moment.
        wait_for(lambda: "can't be reached" in str(reasons("one")))
        wait_for(lambda: reasons("two") == [])


def test_a_pause_that_the_api_asks_of_one_machine_is_told_by_the_others_which_wait_too(cluster: Make) -> None:
    shared = cluster(inboxes="ab", store={"lease_seconds": LEASE_SECONDS})
    for name in ("one", "two"):
        shared.member(name).start()
    shared_out(shared)
    shared.shop.goes_wrong({"endpoint": "group-create", "fault": 429, "retry_after": 1800})
    shared.drop("a", "12 Elm", "study", bracket())
    pages = [shared.studio.root / inbox / "STATUS.txt" for inbox in "ab"]
    wait_for(lambda: all("The next try is at about" in words_of(page) for page in pages))
    said = shared.members["one"].call("status").stdout
    assert "The next try is at about" in " ".join(said.split()) and "The work waits: on " not in said


def test_an_api_that_a_machine_can_t_reach_is_told_of_though_the_others_have_nothing_to_do(
    cluster: Make,
) -> None:
    """Of what concerns all machines the one that leads sends the messages."""
    receiver = Receiver()
    notify = {"urls": [receiver.address], "gather_seconds": 1, "unreachable_seconds": 1}
    shared = cluster(inboxes="ab", store={"lease_seconds": LEASE_SECONDS}, notify=notify)
    host, _, api = shared.shop.url.rpartition("/")[2].partition(":")
    with between((host, int(api))) as proxy:
        for name in ("one", "two"):
            shared.member(name).program = "tests.support.member"
            shared.member(name).start()
        _leader, other = sorted(shared.members.values(), key=lambda member: member.id_)
        other.runs[-1].stop()
        other.changes[API_BY] = f"http://127.0.0.1:{proxy.port}"
        other.start()
        cut_off = shared_out(shared)[other.name]
        proxy.cut()
        shared.drop(cut_off, "12 Elm", "study", bracket())
        wait_for(lambda: "hotfolder: The API can't be used" in [told["title"] for told in receiver.got])
    receiver.shutdown()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=lambda one: one.name)
def test_a_project_is_told_of_by_whoever_works_with_its_inbox_once_it_is_finished(
    cluster: Make, end: signal.Signals
) -> None:
    """Once and with all its sets, whichever machines have made them."""
    receiver = Receiver()
    told = {"HOTFOLDER_NOTIFY__URLS": json.dumps([receiver.address]), "HOTFOLDER_NOTIFY__GATHER_SECONDS": "1"}
    shared = cluster(store={"lease_seconds": LEASE_SECONDS})
    one = shared.member("one", **told, HOTFOLDER_NOTIFY__FINISHED_QUIET_SECONDS="600")
    two = shared.member("two", **told, HOTFOLDER_NOTIFY__FINISHED_QUIET_SECONDS="1")
    one.start()
    shared.drop("inbox", "12 Elm", "study", bracket())
    shared.wait_until(all_done(1))
    shared.wait_until(lambda store: store.published(f"{ENDED_IN}inbox", shared=True))
    one.runs[-1].stop(end)
    two.start()
    wait_for(lambda: receiver.got)
    assert [body.splitlines()[0] for body in receiver.bodies()] == ["12 Elm: 1 set is done."]
    # The first one comes back to an inbox of which all has been told.
    assert two.runs[-1].stop() == 0
    one.changes["HOTFOLDER_NOTIFY__FINISHED_QUIET_SECONDS"] = "1"
    one.start()
    shared.drop("inbox", "14 Elm", "study", bracket())
    wait_for(lambda: len(receiver.got) == 2)
    assert receiver.bodies()[1].splitlines()[0] == "14 Elm: 1 set is done."
    receiver.shutdown()


def test_what_waits_in_an_inbox_is_not_told_of_again_by_the_machine_that_takes_it_over(cluster: Make) -> None:
    receiver = Receiver()
    notify = {"urls": [receiver.address], "gather_seconds": 1}
    limits = {"paid_calls_per_project": 1}
    shared = cluster(store={"lease_seconds": LEASE_SECONDS}, notify=notify, limits=limits)
    one, two = shared.member("one"), shared.member("two")

    def titles() -> list[str]:
        return [told["title"] for told in receiver.got]

    one.start()
    shared.drop("inbox", "12 Elm", f"hall{SKY_TAG}", bracket())
    wait_for(lambda: titles() == ["hotfolder: A budget is spent"])
    one.runs[-1].stop()
    two.start()
    shared.drop("inbox", "14 Elm", "study__skyblu", bracket())
    wait_for(lambda: "hotfolder: A set came back" in titles())
    assert two.runs[-1].stop() == 0  # and sends what it has gathered
    assert titles() == ["hotfolder: A budget is spent", "hotfolder: A set came back"]
    receiver.shutdown()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=lambda one: one.name)
def test_messages_that_a_machine_had_gathered_are_sent_by_another_once_it_has_ended(
    cluster: Make, end: signal.Signals
) -> None:
    receiver = Receiver()
    notify = {
        "urls": [receiver.address],
        "finished_quiet_seconds": 1,
        "gather_seconds": 1,
    }
    shared = cluster(store={"lease_seconds": LEASE_SECONDS}, notify=notify)
    one, two = shared.member("one"), shared.member("two")
    one.start()
    receiver.status = 503
    shared.drop("inbox", "12 Elm", "study", bracket())
    shared.drop("inbox", "12 Elm", "hall__skyblu", bracket())

    def gathered(store: Store) -> bool:
        told = Store(store.database, machine=one.id_).published(NOTIFIER_STATE) or {"gathered": {}}
        kinds = {kind for each in told["gathered"].values() for kind in each["groups"]}
        return kinds == {"JOB_FAILED", "PROJECT_FINISHED"}

    # Killed between the two records, it would tell of the project twice.
    shared.wait_until(lambda store: gathered(store) and not store.published(f"{ENDED_IN}inbox", shared=True))
    one.runs[-1].stop(end)
    receiver.status = 200
    two.start()
    wait_for(lambda: len(receiver.got) == 2, lambda: f"{receiver.bodies()}\n{two.text()}")
    titles = {"hotfolder: A set came back", "hotfolder: A project is finished"}
    assert {told["title"] for told in receiver.got} == titles
    shared.wait_until(lambda store: not gathered(store))  # the first one finds nothing left to send
    receiver.shutdown()


def test_a_gallery_gets_the_set_that_ends_last_though_another_machine_s_began_later(cluster: Make) -> None:
    """Of a project that lies in the inboxes of both."""
    shared = cluster(inboxes="ab", store={"lease_seconds": LEASE_SECONDS}, deliver={"gallery": True})
    host, _, api = shared.shop.url.rpartition("/")[2].partition(":")
    page = shared.studio.done / "12 Elm" / "gallery" / "index.html"
    with between((host, int(api))) as proxy:
        one, two = shared.member("one", **{API_BY: f"http://127.0.0.1:{proxy.port}"}), shared.member("two")
        one.program = "tests.support.member"
        one.start()
        two.start()
        inbox_of = shared_out(shared)
        proxy.hang()
        shared.drop(inbox_of["one"], "12 Elm", "hall", bracket())
        shared.wait_until(lambda store: store.active())
        shared.drop(inbox_of["two"], "12 Elm", "study", bracket())
        wait_for(lambda: page.exists() and "study" in page.read_text())
        proxy.mend()
        shared.wait_until(all_done(2))
        wait_for(lambda: "hall" in page.read_text())


def test_the_last_machine_that_stops_leaves_word_of_what_it_held(cluster: Make) -> None:
    shared = cluster()
    one = shared.member("one")
    one.start()
    shared.drop("inbox", "12 Elm", "study_sky-blue", bracket())
    shared.wait_until(lambda store: "needs a person" in one.call("status").stdout.lower())
    assert one.runs[-1].stop() == 0
    assert "1 held" in one.call("status").stdout
    assert "stopped" in (shared.studio.root / "inbox" / "STATUS.txt").read_text()


def test_a_machine_cut_off_from_the_database_leaves_the_page_of_an_inbox_to_its_new_owner(
    cluster: Make, postgres: Postgres
) -> None:
    shared = cluster(store={"lease_seconds": LEASE_SECONDS})
    status = shared.studio.root / "inbox" / "STATUS.txt"
    with between(postgres.folder) as proxy:
        url = proxy.server(str(make_url(shared.url).database)).url
        one, two = shared.member("one", HOTFOLDER_STORE__URL=url), shared.member("two")
        one.start()
        shared.wait_until(lambda _: shared.owners() == {"inbox": "one"})
        two.start()
        wait_for(status.exists)
        proxy.cut()
        wait_for(lambda: "can't be reached" in words_of(status))
        shared.wait_until(lambda _: shared.owners() == {"inbox": "two"})
        shared.drop("inbox", "12 Elm", "study", bracket())
        wait_for(lambda: "12 Elm: 1 room, at" in words_of(status))
        time.sleep(LONGEST_PAUSE_SECONDS + 1)
        assert "can't be reached" not in words_of(status)


def test_an_inbox_that_is_taken_over_is_watched_by_the_settings_in_force(cluster: Make) -> None:
    """Not by those of the machine's start."""
    shared = cluster(store={"lease_seconds": LEASE_SECONDS})
    one, two = shared.member("one"), shared.member("two")
    one.start()
    shared.wait_until(lambda _: shared.owners() == {"inbox": "one"})
    two.start()
    shared.studio.edit(limits={"photo_bytes": 1024})
    shared.wait_until(lambda _: "settings_changed" in two.text())
    assert one.runs[-1].stop() == 0
    shared.wait_until(lambda _: shared.owners() == {"inbox": "two"})
    shared.drop("inbox", "12 Elm", "study", bracket())
    shared.wait_until(lambda store: {State.DONE, State.FAILED} & store.count_by_state().keys())
    with shared.store() as store:
        assert store.count_by_state() == {State.FAILED: 1}


def test_a_command_on_a_machine_that_is_stopped_says_who_takes_it_up(cluster: Make) -> None:
    shared = cluster()
    one, two = shared.member("one"), shared.member("two")
    one.start()
    shared.drop("inbox", "12 Elm", "study", bracket())
    shared.wait_until(all_done(1))
    wait_for(lambda: "takes it up within a second" in two.call("priority", "12 Elm", "high").stdout)
    assert one.runs[-1].stop() == 0
    assert "is done at the next start" in two.call("priority", "12 Elm", "low").stdout


def test_a_pay_again_that_is_said_on_another_machine_buys_again(cluster: Make) -> None:
    shared = cluster()
    one, two = shared.member("one"), shared.member("two")
    one.start()
    shared.drop("inbox", "12 Elm", "study__lawn-medium", bracket())  # that has no lawn
    shared.wait_until(lambda store: store.count_by_state() == {State.FAILED: 1})
    assert two.call("retry", "12 Elm/study", "--pay-again").returncode == 0
    shared.wait_until(lambda store: store.count_by_state() == {State.FAILED: 1, State.SUPERSEDED: 1})
    assert shared.shop.bought(MERGE) == 2


def test_the_page_shows_what_each_machine_works_with_and_which_one_has_stopped(cluster: Make) -> None:
    shared = cluster(inboxes="ab", store={"lease_seconds": LEASE_SECONDS})
    one, two = shared.member("one"), shared.member("two")
    one.start()
    two.start()
    with page_process(shared.studio) as page:
        wait_for(lambda: page.get("/").text.count("works with") == 2)
        two.signal(signal.SIGKILL)
        wait_for(lambda: "works with a, b" in page.get("/").text)
        assert "not running, last seen" in page.get("/").text
        wait_for(lambda: page.get("/?lang=de").text.count("läuft nicht, zuletzt gesehen") == 1)


def test_machines_are_stopped_and_started_one_at_a_time_with_jobs_in_flight(cluster: Make) -> None:
    """This is how a cluster is upgraded."""
    shared = cluster(inboxes="abcd", store={"lease_seconds": LEASE_SECONDS})
    one, two = shared.member("one"), shared.member("two")
    one.start()
    two.start()
    sets = 12
    for number in range(sets):
        shared.drop("abcd"[number % 4], "12 Elm", f"room{number}", bracket())
    for member in (one, two):
        shared.wait_until(lambda store: store.active() or store.count_by_state() == {State.DONE: sets})
        assert member.runs[-1].stop() == 0
        member.start()
    shared.wait_until(all_done(sets))
    assert shared.shop.bought() == sets
    assert len(pictures(shared)) == sets


def test_a_machine_that_a_newer_release_s_store_stops_says_so_and_ends_with_code_2(cluster: Make) -> None:
    shared = cluster()
    one = shared.member("one")
    one.start()
    with shared.store() as store, store.session.begin() as session:
        session.execute(text("ALTER TABLE jobfile ADD COLUMN newer VARCHAR NOT NULL"))
        session.execute(text("UPDATE alembic_version SET version_num = '999'"))
    shared.drop("inbox", "12 Elm", "study", bracket())
    assert one.runs[-1].process.wait() == 2
    assert "was written by a newer hotfolder" in one.text()
    assert "Traceback" not in one.text()


P = CrashPoint
SKY_SET, DELETED, REFUSED = f"hall{SKY_TAG}", "hall", "hall__sky-twilihgt"
BESIDES = {P.RECEIPT_RECORDED, P.RESULTS_VERIFIED, P.DELETION_RECORDED, P.ORIGINAL_DELETED, P.REASON_WRITTEN}
STEPS = [
    *((SKY_SET, step, 1) for step in CrashPoint if step not in BESIDES),
    *(
        (SKY_SET, step, 2)
        for step in (P.INTENT_RECORDED, P.ANSWER_RECEIVED, P.ANSWER_RECORDED, P.PICTURE_PLACED)
    ),
    *((DELETED, step, 1) for step in (P.RESULTS_VERIFIED, P.DELETION_RECORDED, P.ORIGINAL_DELETED)),
    *((REFUSED, step, 1) for step in (P.FOLDER_RESERVED, P.ORIGINAL_MOVED, P.REASON_WRITTEN, P.JOB_ENDED)),
]
SAMPLE = {
    *((SKY_SET, step, 1) for step in (P.JOB_CREATED, P.PHOTO_UPLOADED, P.INTENT_RECORDED, P.ANSWER_RECEIVED)),
    *((SKY_SET, step, 2) for step in (P.INTENT_RECORDED, P.ANSWER_RECEIVED, P.PICTURE_PLACED)),
    *((SKY_SET, step, 1) for step in (P.RESULT_DOWNLOADED, P.RECEIPT_WRITTEN, P.ORIGINAL_MOVED)),
    (DELETED, P.DELETION_RECORDED, 1),
    (REFUSED, P.ORIGINAL_MOVED, 1),
}
"""Crash points at which a machine that wakes too late could pay, place, move or delete something."""


@pytest.mark.parametrize(
    ("folder", "step", "nth"),
    [pytest.param(*one, marks=() if one in SAMPLE else pytest.mark.long) for one in STEPS],
)
def test_a_machine_that_freezes_beside_a_live_one_does_nothing_twice_when_it_wakes(
    cluster: Make, folder: str, step: CrashPoint, nth: int
) -> None:
    shared = cluster(
        store={"lease_seconds": LEASE_SECONDS},
        api={"paid_timeout_seconds": 1.0},
        deliver={"originals": "delete"} if folder == DELETED else {},
    )
    one, two = shared.member("one"), shared.member("two")
    frozen = one.start(freeze_at=step, nth=nth)
    photos = bracket()
    shared.drop("inbox", "12 Elm", folder, photos)
    shared.wait_until(lambda _: '"event": "frozen"' in frozen.text())
    two.start()  # not before: where this machine is slow, it could have the inbox by then
    time.sleep(2 * LEASE_SECONDS)
    one.signal(signal.SIGCONT)
    shared.wait_until(lambda store: store.count_by_state() and not store.active())
    assert one.running and two.running
    paid = {SKY_SET: (1, 1), DELETED: (1, 0), REFUSED: (0, 0)}[folder]
    assert (shared.shop.bought(MERGE), shared.shop.bought(SKY)) == paid
    with shared.store() as store:
        purchases = store.ledger.all_purchases()
        assert store.count_by_state() == {State.FAILED if folder == REFUSED else State.DONE: 1}
    ended = {PurchaseState.SUCCEEDED, PurchaseState.NOT_EXECUTED}
    assert {one.state for one in purchases} <= ended
    assert len(pictures(shared)) == sum(paid)
    kept = [shared.studio.failed, shared.studio.done / "12 Elm" / "originals", shared.studio.root / "inbox"]
    found = [content for place in kept for content in files_below(place).values() if content[:2] == JPEG]
    assert sorted(found) == ([] if folder == DELETED else sorted(photos.values()))
    for member in (one, two):
        assert member.runs[-1].stop() == 0
        assert '"exception"' not in member.text()
