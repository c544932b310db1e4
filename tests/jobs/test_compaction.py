"""The ledger's file, written anew: it says what it said, whoever appends meanwhile and whatever kills it."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import Session

from hotfolder.jobs.compaction import SUFFIX, TidyStep, compact
from hotfolder.jobs.database import open_store
from hotfolder.jobs.lean import make_lean
from hotfolder.jobs.ledger import Ledger
from hotfolder.jobs.ledgerfile import FILE_NAME, LedgerFile, Recorded
from hotfolder.jobs.tables import RESOLVED, Call, CallState, Result

UIDS = ("a", "b", "c", "d")
REPOSITORY = Path(__file__).parents[2]
HAPPENINGS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(UIDS), st.sampled_from([*CallState])),
        st.tuples(st.just("forget"), st.sets(st.sampled_from(UIDS), min_size=1)),
        st.tuples(st.just("cut off"), st.booleans()),
    ),
    max_size=25,
)


def told(uid: str, state: CallState = CallState.SUCCEEDED, note: str = "") -> Recorded:
    return Recorded({"uid": uid, "state": state, "note": note, "job_id": "j", "operation": "merge"})


def said(path: Path) -> list[Recorded]:
    return LedgerFile(path).read()


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


@settings(max_examples=60, deadline=None)
@given(happenings=HAPPENINGS)
def test_it_says_the_same_in_one_line_for_each_call(
    tmp_path_factory: pytest.TempPathFactory, happenings: list[tuple[str, object]]
) -> None:
    path = tmp_path_factory.mktemp("state") / FILE_NAME
    file = LedgerFile(path)
    for number, (what, how) in enumerate(happenings):
        if what == "forget":
            assert isinstance(how, set)
            file.forget(sorted(how))
        elif what == "cut off":
            with path.open("ab") as stream:  # before its end, or only its line's end is missing
                whole = json.dumps({"call": dict(told("b", note=str(number)).call), "results": []})
                stream.write((whole if how else whole[:-9]).encode())
        else:
            assert isinstance(how, CallState)
            file.append(told(what, how, str(number)))
    before = said(path)
    compact(file)
    assert said(path) == before
    if path.exists():
        assert len(lines(path)) == len(before)
    file.append(told("e"))
    assert said(path) == [*before, told("e")]


def test_what_is_appended_meanwhile_is_there_afterwards(tmp_path: Path) -> None:
    """By the daemon, and by a command beside it, while it is written anew again and again."""
    path = tmp_path / FILE_NAME
    LedgerFile(path).append(told("first"))

    def append(name: str) -> None:
        file = LedgerFile(path)
        for number in range(60):
            file.append(told(f"{name}{number}", CallState.STARTED))
            file.append(told(f"{name}{number}"))

    threads = [threading.Thread(target=append, args=(name,)) for name in "xyz"]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        compact(LedgerFile(path))
    compact(LedgerFile(path))
    found = said(path)
    assert {one.call["uid"] for one in found} == {
        "first",
        *(f"{name}{number}" for name in "xyz" for number in range(60)),
    }
    assert {one.call["state"] for one in found} == {CallState.SUCCEEDED}
    assert len(lines(path)) == 181


def test_what_comes_between_the_copy_and_its_end_is_taken_along(tmp_path: Path) -> None:
    file = LedgerFile(tmp_path / FILE_NAME)
    file.append(told("a"), told("b"))

    def passing(step: TidyStep) -> None:
        if step is TidyStep.LINES_COPIED:
            other = LedgerFile(file.path)
            other.append(told("c"))
            other.forget(["a"])
            compact(other)  # which somebody is at already

    compact(file, passing)
    assert said(file.path) == [told("b"), told("c")]


KILLED = """
import os, signal, sys
from pathlib import Path
from hotfolder.jobs.compaction import compact
from hotfolder.jobs.ledgerfile import LedgerFile
die = lambda step: step == sys.argv[2] and os.kill(os.getpid(), signal.SIGKILL)
compact(LedgerFile(Path(sys.argv[1])), die)
"""


@pytest.mark.parametrize("step", [TidyStep.LINES_COPIED, TidyStep.TAIL_COPIED, TidyStep.FILE_REPLACED])
def test_a_kill_loses_nothing_and_the_next_attempt_ends_well(tmp_path: Path, step: TidyStep) -> None:
    path = tmp_path / FILE_NAME
    file = LedgerFile(path)
    for uid in UIDS:
        file.append(told(uid, CallState.STARTED))
        file.append(told(uid))
    before = said(path)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    code = subprocess.run([sys.executable, "-c", KILLED, str(path), step], env=environment).returncode
    assert code == -signal.SIGKILL
    assert said(path) == before
    file.append(told("e"))
    compact(file)
    assert said(path) == [*before, told("e")]
    assert (len(lines(path)), [one.name for one in tmp_path.iterdir()]) == (5, [FILE_NAME])


def test_a_disk_that_is_full_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = LedgerFile(tmp_path / FILE_NAME)
    file.append(told("a", CallState.STARTED))
    file.append(told("a"))
    content = file.path.read_bytes()

    def passing(step: TidyStep) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        compact(file, passing)
    assert (file.path.read_bytes(), len(list(tmp_path.iterdir()))) == (content, 1)
    compact(file)
    assert len(lines(file.path)) == 1


def test_a_file_that_lies_elsewhere_stays_there_as_private_as_it_was(tmp_path: Path) -> None:
    elsewhere = tmp_path / "backup" / "ledger.jsonl"
    elsewhere.parent.mkdir()
    (tmp_path / FILE_NAME).symlink_to(elsewhere)
    file = LedgerFile(tmp_path / FILE_NAME)
    file.append(told("a", CallState.STARTED))
    file.append(told("a"))
    elsewhere.chmod(0o640)
    compact(file)
    assert file.path.is_symlink() and len(lines(elsewhere)) == 1
    assert elsewhere.stat().st_mode & 0o777 == 0o640


def test_nothing_happens_while_another_process_is_at_it(tmp_path: Path) -> None:
    file = LedgerFile(tmp_path / FILE_NAME)
    file.append(told("a", CallState.STARTED))
    file.append(told("a"))
    with (tmp_path / (FILE_NAME + SUFFIX)).open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        compact(file)
        assert len(lines(file.path)) == 2
    compact(file)
    assert len(lines(file.path)) == 1


def test_a_file_is_mostly_stale_once_more_than_half_of_many_lines_are(tmp_path: Path) -> None:
    file = LedgerFile(tmp_path / FILE_NAME)
    file.append(*(told(str(number), CallState.STARTED) for number in range(600)))
    file.append(*(told(str(number)) for number in range(600)))
    assert not file.mostly_stale
    file.append(told("0"))
    assert file.mostly_stale
    again = LedgerFile(file.path)
    assert len(again.standings()) == 600 and again.mostly_stale
    compact(again)
    assert not again.mostly_stale


def bought(ledger: Ledger, at: datetime, job: str, state: CallState, **columns: str | None) -> Call:
    """A call that ended so, with all that a call can have."""
    usual = {"operation": "merge", "group_id": "g", "api_project_id": "p", "photos": "1 2 3"}
    call = Call(key=f"key of {job}", job_id=job, project="elm", parameters='{"a": 1}', **{**usual, **columns})
    number = ledger.begin(call, at)
    if state in (CallState.ANSWERED, CallState.SUCCEEDED):
        ledger.answer(number, '{"status": 200, "body": "{}"}', at)
    if state == CallState.SUCCEEDED:
        ledger.keep(number, [picture(number)])
    elif state in (CallState.NOT_EXECUTED, CallState.UNKNOWN):
        ledger.conclude(number, state, "so it was")
    return call


def picture(number: int) -> Result:
    return Result(
        call_id=number, position=0, file=f"{number}.jpg", sha256="f", size_bytes=1, format="JPEG", width=4,
        height=3, answer_id="r",
    )  # fmt: skip


def known(ledger: Ledger) -> list[tuple[dict[str, object], list[dict[str, object]]]]:
    """Every call with its results, but for their numbers."""
    return [
        (
            call.model_dump(exclude={"id"}),
            [result.model_dump(exclude={"call_id"}) for result in ledger.results(call.id or 0)],
        )
        for call in ledger.all_calls()
    ]


def test_a_lost_database_is_rebuilt_from_a_compacted_file_with_every_purchase(
    tmp_path: Path, at: datetime
) -> None:
    """Lean ones are as lean as they were; what is in doubt, or of remembered sets, has everything."""
    state = tmp_path / "state"
    ledger = Ledger(open_store(state), LedgerFile(state / FILE_NAME))
    calls = [bought(ledger, at, f"job{number}", how) for number, how in enumerate(CallState)]
    calls += [
        bought(ledger, at, "sky", CallState.SUCCEEDED, operation="sky", image_id="i", group_id=None),
        bought(ledger, at, "told", CallState.UNKNOWN),
        bought(ledger, at, "remembered", CallState.SUCCEEDED),
    ]
    told_number = calls[-2].id or 0
    ledger.resolve(told_number, '{"status": 200, "body": "https://there"}', f"{RESOLVED}it is there", at)
    ledger.keep(told_number, [picture(told_number)])
    with Session(ledger.database) as session, session.begin():
        make_lean(session, [call.job_id for call in calls[:-1]], at)
    ledger.write_down_anew([call.uid for call in calls])
    assert ledger.file is not None
    compact(ledger.file)
    assert len(lines(ledger.file.path)) == len(calls)
    before = known(ledger)
    ledger.database.dispose()
    (state / "jobs.sqlite").unlink()

    rebuilt = Ledger(open_store(state), LedgerFile(state / FILE_NAME))
    assert rebuilt.restore() == len(calls)
    assert known(rebuilt) == before
    content = ledger.file.path.read_bytes()
    assert (rebuilt.restore(), ledger.file.path.read_bytes()) == (0, content)
    lean = {call.job_id: call for call in rebuilt.all_calls()}
    rebuilt.database.dispose()
    merge, sky, by_person = (lean[job] for job in ("job2", "sky", "told"))
    assert merge.state == CallState.SUCCEEDED
    assert (merge.group_id, merge.answer, merge.parameters, merge.photos) == ("g", None, "", "")
    assert sky.answer and by_person.answer and by_person.note.startswith(RESOLVED)
    for doubtful in (call for call in lean.values() if call.state in ("started", "answered", "unknown")):
        assert doubtful.parameters and doubtful.photos
    assert lean["remembered"].photos and lean["remembered"].job_let_go_at is None
