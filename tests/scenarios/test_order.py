"""The order of writes to disk and network in one run, by strace."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.scenarios.bench import Bench
from tests.scenarios.test_disks import needs_strace
from tests.support.studio import ELM, FILE_TIMEOUT_SECONDS, KEY, MakeStudio, Shop, environment

TRACED = "fsync,fdatasync,openat,sendto,write,pwrite64,rename,renameat,renameat2,unlink,unlinkat"
LINE = re.compile(r"(?P<pid>\d+) +(?:<\.\.\. (?P<resumed>\w+) resumed>|(?P<name>\w+)\()(?P<rest>.*)")
DESCRIPTOR = re.compile(r"^\d+<([^>]*)>")
PAID = re.compile(r'"POST /api/(hdr-enhance|images/[^/]+/sky-replace) ')
STARTED = r"\"state\": \"started\""
WRITES, SYNCS, RENAMES = ("write", "pwrite64"), ("fsync", "fdatasync"), ("rename", "renameat", "renameat2")


@dataclass(frozen=True)
class Call:
    """A successful system call. `began` and `ended` are line numbers; `path` is that of its descriptor."""

    name: str
    text: str
    began: int
    ended: int

    @property
    def path(self) -> str:
        found = DESCRIPTOR.match(self.text)
        return found[1] if found else ""


class Account:
    """The system calls of a run, in order."""

    def __init__(self, lines: list[str]) -> None:
        self.calls = sorted(finished(lines), key=lambda call: call.began)

    def those(self, names: tuple[str, ...], holds: Callable[[Call], object]) -> list[Call]:
        return [call for call in self.calls if call.name in names and holds(call)]

    def synced(self, path: str, after: int, before: int) -> bool:
        """Whether a sync of that path began after one line and ended before another."""
        return any(
            call.began > after and call.ended < before
            for call in self.those(SYNCS, lambda call: call.path == path)
        )

    def last_write(self, path: str, before: int) -> Call:
        return [call for call in self.those(WRITES, lambda call: call.path == path) if call.began < before][
            -1
        ]


def finished(lines: list[str]) -> Iterator[Call]:
    waiting: dict[str, Call] = {}
    for number, line in enumerate(lines):
        found = LINE.match(line)
        if found is None:
            continue
        if found["resumed"]:
            begun = waiting.pop(found["pid"])
            call = replace(begun, text=begun.text + found["rest"], ended=number)
        else:
            call = Call(found["name"], found["rest"], number, number)
            if call.text.endswith("<unfinished ...>"):
                waiting[found["pid"]] = replace(call, text=call.text.removesuffix("<unfinished ...>"))
                continue
        if not re.search(r"= -1 E\w+ \(.*\)$", call.text):
            yield call


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    if not os.access("/dev/shm", os.W_OK) or os.stat("/dev/shm").st_dev == tmp_path.stat().st_dev:  # noqa: PTH116
        pytest.skip("there is no second file system here")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@needs_strace
def test_nothing_leaves_counts_or_is_removed_before_what_it_relies_on_is_on_the_disk(
    make_studio: MakeStudio, shop: Shop, other_disk: Path, tmp_path: Path
) -> None:
    bench = Bench(make_studio(done=str(other_disk / "done")), shop)
    photos = bench.drop()
    told = tmp_path / "account.txt"
    strace = ["strace", "-f", "--seccomp-bpf", "-y", "-s", "4096", "-o", str(told), "-e", f"trace={TRACED}"]
    with bench.log.open("a") as stream:
        code = subprocess.run(
            [*strace, *bench.studio.command("run", "--until-idle")],
            stdout=stream,
            stderr=stream,
            env=environment(KEY),
            timeout=2 * FILE_TIMEOUT_SECONDS,
        ).returncode
    assert code == 0 and bench.studio.states() == ["done"], bench.text()
    account = Account(told.read_text(errors="replace").splitlines())
    state = bench.studio.state
    intents_first(account, str(state / "jobs.sqlite"), str(state / "paid-calls.jsonl"))
    results_before_they_count(account, bench.studio.results, str(state / "paid-calls.jsonl"))
    pictures_before_their_originals(account, other_disk / "done" / ELM, bench.studio.inbox)
    originals_verified_before_they_go(account, other_disk / "done" / ELM / "originals", photos.keys())


def intents_first(account: Account, store: str, ledger: str) -> None:
    """Before a paid request leaves, its intent is committed and synced, and so is the journal's line."""
    requests = account.those(("sendto",), lambda call: PAID.search(call.text))
    assert len(requests) == 2
    intents = account.those(WRITES, lambda call: call.path == ledger and STARTED in call.text)
    assert len(intents) == 2
    since = 0
    for intent, request in zip(intents, requests, strict=True):
        committed = account.last_write(store, before=intent.began)
        assert since < committed.began < intent.began < request.began
        assert account.synced(store, after=committed.ended, before=intent.began), "the store is not synced"
        assert account.synced(ledger, after=intent.ended, before=request.began), "the ledger is not synced"
        since = request.ended


def results_before_they_count(account: Account, results: Path, ledger: str) -> None:
    """A result is on the disk, with its name, before the ledger records it as kept."""
    kept = account.those(RENAMES, lambda call: f'"{results}/' in call.text and ".part" in call.text)
    assert len(kept) == 2
    for rename in kept:
        part, name = re.findall(rf'"{results}/([^"]+)"', rename.text)
        written = account.last_write(str(results / part), before=rename.began)
        assert account.synced(str(results / part), written.ended, rename.began), "the download is not synced"
        counts = account.those(
            WRITES,
            lambda call: call.path == ledger and rf"\"file\": \"{name}\"" in call.text,  # noqa: B023
        )[0]
        assert account.synced(str(results), rename.ended, counts.began), "its folder is not synced"


def pictures_before_their_originals(account: Account, project: Path, inbox: Path) -> None:
    """A delivered picture is on the disk, with its name, before any original is moved."""
    placed = account.those(
        RENAMES, lambda call: re.search(rf'"{project}/\.hotfolder-tmp-[^"/]+".*"{project}/[^"/]+"', call.text)
    )
    assert len(placed) == 2
    first = account.those(("unlink", "unlinkat"), lambda call: f'"{inbox}/{ELM}/' in call.text)[0]
    for rename in placed:
        temporary = re.findall(r'"([^"]+)"', rename.text)[0]
        written = account.last_write(temporary, before=rename.began)
        assert account.synced(temporary, written.ended, rename.began), "the picture is not synced"
        assert account.synced(str(project), rename.ended, first.began), "its folder is not synced"


def originals_verified_before_they_go(account: Account, originals: Path, names: object) -> None:
    """A copy on another disk is synced, read again and named before the original is removed."""
    moved = account.those(RENAMES, lambda call: f'"{originals}/' in call.text)
    assert {Path(re.findall(r'"([^"]+)"', rename.text)[-1]).name for rename in moved} == names
    for rename in moved:
        temporary, target = re.findall(r'"([^"]+)"', rename.text)
        written = account.last_write(temporary, before=rename.began)
        synced = [
            call
            for call in account.those(SYNCS, lambda call: call.path == temporary)  # noqa: B023
            if written.ended < call.began and call.ended < rename.began
        ]
        assert synced, "the copy is not synced"
        read = account.those(("openat",), lambda call: f'"{temporary}", O_RDONLY' in call.text)  # noqa: B023
        assert any(synced[0].ended < call.began < rename.began for call in read), "the copy is not read again"
        [gone] = account.those(
            ("unlink", "unlinkat"),
            lambda call: f'/{Path(target).name}"' in call.text and "inbox" in call.text,  # noqa: B023
        )
        assert account.synced(str(Path(target).parent), rename.ended, gone.began), "its folder is not synced"
