"""Full, failing and several disks: real ones, in a mount namespace of the test's own."""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress

import pytest

from hotfolder import log
from hotfolder.daemon import folders
from hotfolder.daemon.folders import lock_state
from hotfolder.jobs import breaker
from hotfolder.telemetry.health import not_ready
from tests.scenarios.bench import ROOM, Bench
from tests.support.pictures import bracket, jpeg
from tests.support.studio import (
    ELM,
    FILE_TIMEOUT_SECONDS,
    KEY,
    MakeStudio,
    Shop,
    environment,
    files_below,
    until,
    wait_for,
)
from tests.support.tiffs import tiff

pytestmark = pytest.mark.long

NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")


def allowed(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


needs_mounts = pytest.mark.skipif(
    not allowed(*NAMESPACE, "sh", "-c", "mount -t tmpfs tmpfs /mnt"),
    reason="this machine allows no mount namespaces of one's own",
)
needs_strace = pytest.mark.skipif(
    not allowed("strace", "-qq", "-e", "trace=none", "true"), reason="strace isn't there, or may not trace"
)

# Mounts disks, runs the daemon, and at its end copies the mounts' files to the real disk.
SCRIPT = """
set -e
cd "$ROOT"
for folder in $ON_TMPFS; do
  mkdir -p "$folder"
  mount -t tmpfs -o size="$SIZE" tmpfs "$folder"
done
if [ -n "$FULL" ]; then dd if=/dev/zero of="$FULL/.hotfolder-filler" bs=4k 2>/dev/null || true; fi
( while [ ! -e make-room ]; do sleep 0.1; done; rm -f "$FULL/.hotfolder-filler" ) &
"$@" && code=0 || code=$?
touch make-room; wait
for folder in $ON_TMPFS; do mkdir -p "carried/$folder"; cp -a "$folder/." "carried/$folder"; done
for folder in $(echo $ON_TMPFS | tr ' ' '\\n' | tac); do umount "$folder"; done
for folder in $ON_TMPFS; do cp -a "carried/$folder/." "$folder"; done
rm -r carried make-room
exit $code
"""


@pytest.fixture
def bench(make_studio: MakeStudio, shop: Shop) -> Bench:
    return Bench(make_studio(), shop)


@contextmanager
def begun(bench: Bench, command: Sequence[str], **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon's process, logging to the studio's file. At the end of the block its whole group is killed: a
    child that is left would go on buying from the shared sandbox."""
    with bench.log.open("a") as stream:
        environ = {**environment(KEY), **variables}
        process = subprocess.Popen(command, stdout=stream, stderr=stream, env=environ, start_new_session=True)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def on_disks(
    bench: Bench, *, on_tmpfs: str, full: str = "", size: str = "1m"
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """The daemon until it is idle, with folders (relative to the root) on disks of their own."""
    places = {"ROOT": str(bench.studio.root), "ON_TMPFS": on_tmpfs, "FULL": full, "SIZE": size}
    command = bench.studio.command("run", "--until-idle")
    return begun(bench, [*NAMESPACE, "sh", "-c", SCRIPT, "sh", *command], **places)


def until_said(bench: Bench, *words: str) -> None:
    wait_for(lambda: any(word in bench.text() for word in words), bench.text)


@needs_mounts
@pytest.mark.parametrize(
    ("on_tmpfs", "full", "size"),
    [("done", "done", "1m"), ("state", "state/results", "400k"), ("state state/work", "state/work", "1m")],
    ids=["done", "state", "work"],
)
def test_a_full_disk_is_waited_out_and_nothing_is_written_by_halves(
    bench: Bench, on_tmpfs: str, full: str, size: str
) -> None:
    bench.drop()
    with on_disks(bench, on_tmpfs=on_tmpfs, full=full, size=size) as process:
        until_said(bench, "full", "No space left")
        time.sleep(0.5)
        (bench.studio.root / "make-room").touch()
        assert process.wait(FILE_TIMEOUT_SECONDS) == 0, bench.text()
    bench.check("done", paid=2)


@needs_mounts
@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("mount -t tmpfs -o size=400k tmpfs $STATE; dd if=/dev/zero of=$STATE/filler", "the disk is full"),
        ("mount --bind $STATE $STATE; mount -o remount,bind,ro $STATE", "the disk is read-only"),
    ],
    ids=["full", "read-only"],
)
def test_status_says_why_nothing_can_be_put_into_the_store(bench: Bench, script: str, why: str) -> None:
    """Otherwise it would say nothing about sets dropped since: the daemon has no place to tell it."""
    bench.studio.state.mkdir()
    environ = {**environment(None), "STATE": str(bench.studio.state)}

    def said(*options: str) -> str:
        status = bench.studio.command("status", *options)
        command = [*NAMESPACE, "sh", "-c", f'{{ {script}; }} 2>/dev/null; exec "$@"', "sh", *status]
        return subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout

    told = " ".join(said().split())
    assert "No sets are recorded." in told and f"Nothing can be put into state: {why}." in told
    assert json.loads(said("--json"))["folders"] == {"state": {"degraded": why}}


@needs_mounts
def test_a_start_says_that_the_disk_of_state_is_read_only_and_to_say_it_again(bench: Bench) -> None:
    """All of it is there from before: only writing into the lock's file fails."""
    assert bench.studio.start("--until-idle").wait() == 0
    state = bench.studio.state
    script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'
    command = [*NAMESPACE, "sh", "-c", script, "sh", str(state), *bench.studio.command("run", "--until-idle")]

    def said() -> tuple[int, str]:
        ended = subprocess.run(command, env=environment("any-key"), capture_output=True, text=True)
        return ended.returncode, ended.stderr

    hint = "Mount it for writing; the work continues by itself.\nThis command has ended: say it again then."
    told = "Nothing can be put into state: {}: the disk is read-only\n" + hint + "\n"
    assert said() == (3, told.format(state / folders.FILE_NAME))
    (state / "work").rmdir()
    assert said() == (3, told.format(state / "work"))
    (state / "work").mkdir()
    with closing(lock_state(state)):
        code, text = said()
    assert code == 2 and f"Another hotfolder (process {os.getpid()} on " in text


async def test_a_disk_with_little_room_is_told_by_all_alike_and_stops_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "FULL_BYTES", 2**62)
    bench.drop()
    left = "less than 200 MiB are free"
    said = f"The disk of done is full: {left}. Make room there: what finds no room waits."
    async with bench.working() as daemon:
        status = await bench.studio.comes_to_say(lambda status: status.get("full_disks"))
        assert status["full_disks"] == ["done", "state"] and not any(
            one["degraded"] for one in status["folders"].values()
        )
        told = " ".join(bench.studio.say("status", columns=200).output.split())
        assert said in told and "The disk of state is full" in told and "can be put" not in told
        await until(lambda: said in bench.studio.status_page())
        assert daemon.telemetry.seen is not None and not list(not_ready(daemon.telemetry.seen))
        await bench.studio.comes_to("done")
    bench.check("done", paid=2)


@needs_mounts
def test_a_disk_with_space_that_holds_no_more_files_is_waited_out(bench: Bench) -> None:
    """`df` shows free space then, only `df -i` that there is no room."""
    bench.drop()
    with on_disks(bench, on_tmpfs="done", size="1g,nr_inodes=4") as process:
        why = "the disk is full"
        bench.studio.wait_until(lambda status: any(why in job["reason"] for job in status["jobs"]))
        room = ("mount", "-o", "remount,nr_inodes=1000", str(bench.studio.done))
        namespace = ("nsenter", "-t", str(process.pid), "-U", "-m", "--preserve-credentials")
        subprocess.run([*namespace, *room], check=True)
        assert process.wait(FILE_TIMEOUT_SECONDS) == 0, bench.text()
    bench.check("done", paid=2)


async def test_what_waits_for_a_folder_is_tried_as_soon_as_that_is_usable_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long its own trouble would have it wait."""
    monkeypatch.setattr(breaker, "FIRST_SECONDS", 1e6)
    monkeypatch.setattr(breaker, "LONGEST_SECONDS", 1e6)
    async with bench.working():
        bench.studio.done.rename(bench.studio.root / "done before")
        bench.studio.done.write_text("in its place")
        bench.drop()
        await bench.studio.comes_to_say(
            lambda status: (
                status["folders"].get("done", {}).get("degraded") and "is needed" in str(status["jobs"])
            )
        )
        bench.studio.done.unlink()
        (bench.studio.root / "done before").rename(bench.studio.done)
        await bench.studio.comes_to("done")
    bench.check("done", paid=2)


@needs_mounts
def test_a_disk_that_is_full_while_tiffs_are_developed_is_waited_out(bench: Bench) -> None:
    """It has room for the first of two developed photos, and for the second only after somebody makes
    room."""
    pixels = {name: os.urandom(3 * 400 * 300) for name in ("1.tif", "2.tif")}
    files = {name: tiff(pixels=content, size=(400, 300)) for name, content in pixels.items()}
    bench.studio.drop(ELM, "kitchen", files)
    with on_disks(bench, on_tmpfs="state/developed", size="400k") as process:
        until_said(bench, "No space left")
        time.sleep(0.5)
        assert files_below(bench.studio.inbox / ELM / "kitchen") == files
        room = ("mount", "-o", "remount,size=10m", str(bench.studio.state / "developed"))
        namespace = ("nsenter", "-t", str(process.pid), "-U", "-m", "--preserve-credentials")
        subprocess.run([*namespace, *room], check=True)
        assert process.wait(FILE_TIMEOUT_SECONDS) == 0, bench.text()
    assert bench.studio.states() == ["done"]
    assert len(bench.shop.charged()) == 1
    assert bench.studio.filed("kitchen") == files
    assert files_below(bench.studio.state / "developed") == {}


@needs_mounts
def test_a_full_archive_on_another_disk_is_waited_out(make_studio: MakeStudio, shop: Shop) -> None:
    bench = Bench(make_studio(archive="archive", deliver={"originals": "archive"}), shop)
    photos = bench.drop()
    with on_disks(bench, on_tmpfs="archive", full="archive") as process:
        until_said(bench, "full", "No space left")
        time.sleep(0.5)
        assert bench.in_inbox() == photos
        (bench.studio.root / "make-room").touch()
        assert process.wait(FILE_TIMEOUT_SECONDS) == 0, bench.text()
    bench.check("done", paid=2)
    assert not bench.in_inbox()


@needs_mounts
def test_folders_on_different_disks_lose_nothing(bench: Bench) -> None:
    bench.drop()
    bench.drop("hall__sky-twilihgt")
    with on_disks(bench, on_tmpfs="done failed state", size="64m") as process:
        assert process.wait(FILE_TIMEOUT_SECONDS) == 1, bench.text()
    bench.check("done", "failed", paid=2)


# A removable disk, controlled by a file; the mount point underneath is an ordinary folder.
PULLED = """
set -e
cd "$ROOT"
mkdir -p disk "$ON_DISK"
if [ -z "$BARE" ]; then mount --bind disk "$ON_DISK"; fi
( while [ ! -e over ]; do
    if [ -e pull ]; then umount "$ON_DISK" && rm pull; fi
    if [ -e plug ]; then mount --bind disk "$ON_DISK" && rm plug; fi
    sleep 0.05
  done ) &
"$@" && code=0 || code=$?
touch over; wait
umount "$ON_DISK" 2>/dev/null || true
find "$ON_DISK" -type f >hidden-below
cp -a disk/. "$ON_DISK"
rm over; mv disk "disk-$$"  # not deleted: a new folder could be given its inode, and pass for it
exit $code
"""


def pulled(
    bench: Bench, folder: str, *options: str, bare: bool = False
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """The daemon with a folder on such a disk, which isn't mounted yet where it is `bare`."""
    places = {"ROOT": str(bench.studio.root), "ON_DISK": folder, "BARE": "yes" if bare else ""}
    command = bench.studio.command("run", *options)
    return begun(bench, [*NAMESPACE, "sh", "-c", PULLED, "sh", *command], **places)


def switch(bench: Bench, what: str) -> None:
    """Remove or mount the disk while the daemon runs."""
    told = bench.studio.root / what
    told.touch()
    wait_for(lambda: not told.exists(), bench.text)


def end(bench: Bench, process: subprocess.Popen[bytes]) -> None:
    """Stop the daemon itself; the script around it then copies everything to one disk."""
    pid = bench.studio.status()["daemon"]["pid"]
    os.kill(pid, signal.SIGTERM)
    assert process.wait(FILE_TIMEOUT_SECONDS) == 0, bench.text()


@needs_mounts
@pytest.mark.parametrize(
    ("folder", "room", "state", "waiting", "paid"),
    [("done", ROOM, "done", "publishing", 4), ("failed", "hall__sky-twilihgt", "failed", "refusing", 0)],
)
def test_a_disk_that_is_pulled_is_waited_for_and_nothing_goes_into_its_bare_mount_point(
    bench: Bench, folder: str, room: str, state: str, waiting: str, paid: int
) -> None:
    place = str(bench.studio.root / folder)
    with pulled(bench, folder) as process:
        until_said(bench, "started")
        bench.drop(room)
        bench.studio.wait_for_states(state)
        switch(bench, "pull")
        bench.drop(f"second-{room}", {f"IMG_{number}.jpg": jpeg() for number in range(3)})
        bench.studio.wait_until(lambda status: status["counts"].get(waiting))
        told = bench.studio.wait_until(lambda status: status["folders"][folder]["degraded"])
        assert place in told["folders"][folder]["degraded"]
        bench.studio.wait_until(lambda status: any(place in job["reason"] for job in status["jobs"]))
        bench.studio.wait_until(lambda _: "is not mounted" in bench.studio.status_page())
        # Photos with the names of a set that can't be seen now, and still exists.
        bench.drop(f"third-{room}")
        switch(bench, "plug")
        bench.studio.wait_for_states(state, state, state)
        bench.studio.wait_until(lambda status: not status["folders"][folder]["degraded"])
        end(bench, process)
    assert (bench.studio.root / "hidden-below").read_text() == ""
    audit = bench.check(state, state, state, paid=paid + paid // 2)
    assert not any("mounted" in job.reason for job in audit.jobs)


@needs_mounts
def test_a_disk_that_is_missing_at_the_start_is_waited_for(bench: Bench) -> None:
    bench.drop("hall")
    with pulled(bench, "done", "--until-idle") as process:
        assert process.wait(FILE_TIMEOUT_SECONDS) == 0, bench.text()
    bench.studio.done.rename(bench.studio.root / "disk")
    bench.drop("kitchen")
    with pulled(bench, "done", bare=True) as process:
        # Nothing is bought before the receipts in done/ could be searched for it.
        bench.studio.wait_until(
            lambda status: any("is not mounted" in job["reason"] for job in status["jobs"])
        )
        assert not any(bench.studio.done.iterdir())
        switch(bench, "plug")
        bench.studio.wait_for_states("done", "done")
        end(bench, process)
    assert (bench.studio.root / "hidden-below").read_text() == ""
    bench.check("done", "done", paid=2)


@needs_strace
@pytest.mark.parametrize("when", [1, 5])
def test_a_disk_that_fails_to_sync_never_has_anything_paid_twice(bench: Bench, when: int) -> None:
    """The n-th fsync of each thread gives EIO, among them that of a paid answer."""
    bench.drop()
    strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync"]
    strace += ["-e", f"inject=fsync:error=EIO:when={when}"]
    code = run_until_idle(bench, *strace)
    assert any(words in bench.text() for words in ("reports an error", "I/O error", "output error"))
    if code != 0:  # it may refuse to start on such a disk; then the next start works
        assert run_until_idle(bench) == 0
    bench.check("done", paid=2)


@needs_strace
@pytest.mark.parametrize(
    ("calls", "error"), [("renameat2,rename,link,linkat", "EBUSY"), ("fsync", "ENOMEM"), ("mkdir", "EMFILE")]
)
def test_what_the_system_can_not_do_just_now_is_tried_again_whatever_it_says(
    bench: Bench, calls: str, error: str
) -> None:
    """The first such call of each thread fails, once the daemon has begun."""
    run = bench.studio.start()
    strace = ["strace", "-f", "-o", "/dev/null", "-p", str(run.process.pid), "-e", f"trace={calls}"]
    failing = subprocess.Popen(
        [*strace, "-e", f"inject={calls}:error={error}:when=1"], stderr=subprocess.PIPE, text=True
    )
    try:
        assert failing.stderr is not None and "attached" in failing.stderr.readline()
        bench.drop()
        bench.studio.wait_for_states("done")
    finally:
        failing.terminate()
        failing.communicate()
    assert run.stop() == 0
    bench.log.touch()
    bench.check("done", paid=2)


def test_a_daemon_that_may_open_no_more_files_for_a_while_goes_on_after_that(bench: Bench) -> None:
    run = bench.studio.start()
    before = resource.prlimit(run.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(run.process.pid, resource.RLIMIT_NOFILE, (6, before[1]))
    bench.drop()
    time.sleep(3)
    resource.prlimit(run.process.pid, resource.RLIMIT_NOFILE, before)
    bench.studio.wait_for_states("done")
    assert run.stop() == 0
    bench.log.touch()
    bench.check("done", paid=2)


@pytest.mark.parametrize("reader", [False, True])
def test_a_log_that_can_not_be_written_holds_nothing_up(bench: Bench, reader: bool) -> None:
    """Its disk is full, or its pipe's reader has gone."""
    bench.drop()
    if reader:
        read, log = os.pipe()
        os.close(read)
    else:
        log = os.open("/dev/full", os.O_WRONLY)
    command = bench.studio.command("run", "--until-idle")
    buffered = {**environment(KEY), "PYTHONUNBUFFERED": ""}  # as usual: output is buffered
    process = subprocess.Popen(command, stdout=log, stderr=log, env=buffered)
    os.close(log)
    try:
        assert process.wait(FILE_TIMEOUT_SECONDS) == 0
    finally:
        process.kill()
    bench.log.touch()
    bench.check("done", paid=2)


def test_lines_that_the_log_has_lost_are_counted_once_it_can_be_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log.configure(json=True)
    full = open("/dev/full", "w")  # noqa: PTH123, SIM115 - a device, that can't be closed as a file can
    monkeypatch.setattr(sys, "stderr", full)
    for _ in range(3):
        log.get("test").info("lost")
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    with suppress(OSError):
        full.close()
    log.get("test").info("written")
    written, counted = map(json.loads, stream.getvalue().splitlines())
    assert written["event"] == "written"
    assert (counted["event"], counted["lines"]) == ("log_lines_lost", 3)


def run_until_idle(bench: Bench, *before: str) -> int:
    """The exit code of a daemon under the command `before`."""
    with begun(bench, [*before, *bench.studio.command("run", "--until-idle")]) as process:
        return process.wait(2 * FILE_TIMEOUT_SECONDS)


@pytest.mark.skipif(
    not allowed("unshare", "-U", "-r", "sh", "-c", "echo 10 >/proc/sys/user/max_inotify_watches"),
    reason="this machine lets nobody set a limit on watches of one's own",
)
def test_with_ten_watches_every_folder_is_found(bench: Bench) -> None:
    limited = 'echo 10 >/proc/sys/user/max_inotify_watches && exec "$@"'
    command = ["unshare", "-U", "-r", "sh", "-c", limited, "sh", *bench.studio.command("run")]
    for number in range(12):
        bench.drop(f"room {number}", bracket(1))
    with begun(bench, command) as process:
        bench.studio.wait_for_states(*["done"] * 12, call_within=300)
        for number in range(3):
            bench.drop(f"late room {number}", {"DSC0001.jpg": jpeg()})
        bench.studio.wait_for_states(*["done"] * 15, call_within=300)
        process.terminate()
        assert process.wait(FILE_TIMEOUT_SECONDS) == 0
    bench.check(*["done"] * 15, paid=15)


def test_a_store_that_is_damaged_or_newer_stops_the_start_and_says_what_to_do(bench: Bench) -> None:
    bench.studio.state.mkdir()
    store = bench.studio.state / "jobs.sqlite"
    store.write_bytes(b"SQLite format 3\0" + bytes(5000))
    photos = bench.drop()
    run = subprocess.run(
        bench.studio.command("run", "--until-idle"),
        capture_output=True,
        text=True,
        env=environment(KEY),
        timeout=300,
    )
    assert run.returncode == 2
    assert "jobs.sqlite" in run.stderr and "backup" in run.stderr and "Traceback" not in run.stderr
    assert store.read_bytes() == b"SQLite format 3\0" + bytes(5000)
    assert bench.in_inbox() == photos
