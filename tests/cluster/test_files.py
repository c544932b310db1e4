"""Two machines on one share: names, temporary files, and kept results."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hotfolder.crashpoints import CrashPoint
from hotfolder.jobs.states import ACTIVE, State
from hotfolder.outbox.outputs import RESULTS_MARKER
from tests.support.cluster import Cluster
from tests.support.pictures import bracket
from tests.support.studio import MERGE, SKY, Run, files_below, wait_for

pytestmark = pytest.mark.long

Make = Callable[..., Cluster]
ELM = "12 Elm"
LEASE = {"lease_seconds": 1.0}


def wait_until_frozen(shared: Cluster, run: Run) -> None:
    shared.wait_until(lambda _: '"event": "frozen"' in run.text())


@pytest.fixture(params=["usual", "exFAT"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """The disk of `done`. exFAT ignores case, and has neither links nor a rename that doesn't replace."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if request.param == "usual":
        yield folder
        return
    if os.geteuid() != 0 or not all(map(shutil.which, ("mkfs.exfat", "mount.exfat-fuse", "losetup"))):
        pytest.skip("needs root, exfat-fuse and exfatprogs")
    steps = (
        'truncate -s 64M "$1.img" && mkfs.exfat -q "$1.img" && loop=$(losetup -f --show "$1.img")'
        ' && { mount.exfat-fuse "$loop" "$1"; made=$?; losetup -d "$loop"; exit $made; }'
    )
    made = subprocess.run(["sh", "-c", steps, "sh", str(folder)], capture_output=True)
    if made.returncode != 0:
        pytest.skip(f"can't mount exFAT here: {made.stderr.decode()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_two_machines_that_finish_rooms_of_one_name_at_once_mix_up_nothing(cluster: Make, disk: Path) -> None:
    """Six inboxes hold the same project and room, with different photos and spellings."""
    inboxes = "abcdef"
    shared = cluster(inboxes=inboxes, store=LEASE, done=str(disk / "done"))
    for name in ("one", "two"):
        shared.member(name).start()
    shared.wait_until(lambda _: sorted(filter(None, shared.owners().values())) == ["one"] * 3 + ["two"] * 3)
    dropped = [bracket() for _ in inboxes]
    for inbox, photos in zip(inboxes, dropped, strict=True):
        shared.drop(inbox, ELM, "KITCHEN" if inbox in "bd" else "Kitchen", photos)
    shared.wait_until(lambda store: store.count_by_state() == {State.DONE: 6})
    assert shared.shop.bought(MERGE) == 6
    with shared.store() as store:
        jobs = store.in_states(State)
        pictures = [picture.path for job in jobs for picture in store.pictures(job.id)]
    done = disk / "done" / ELM
    for names in (pictures, [str(job.filed_as) for job in jobs], [job.receipt for job in jobs]):
        assert len({name.casefold() for name in names}) == 6
    assert {path.name for path in done.glob("*.jpg")} == {Path(path).name for path in pictures}
    found = files_below(done / "originals").values()
    assert sorted(found) == sorted(content for photos in dropped for content in photos.values())
    assert not list(disk.rglob(".hotfolder-tmp-*"))
    assert not (shared.member("one").state / "results").exists()


@pytest.mark.parametrize(
    "step", [CrashPoint.NAME_TAKEN, CrashPoint.PICTURE_PLACED, CrashPoint.FOLDER_RESERVED], ids=str
)
def test_a_successor_uses_the_names_that_a_machine_took_before_it_was_killed(
    cluster: Make, step: CrashPoint
) -> None:
    """It also accepts files with other inodes and times of change as those of the set."""
    shared = cluster(store=LEASE)
    one, two = shared.member("one"), shared.member("two")
    killed = one.start(freeze_at=step)
    photos = {**bracket(), "notes.txt": b"The blue one."}
    folder = shared.drop("inbox", ELM, "hall__sky-twilight", photos)
    wait_until_frozen(shared, killed)
    one.signal(signal.SIGKILL)
    killed.wait()
    with shared.store() as store:
        [job] = store.in_states(ACTIVE)
    for path in list(folder.iterdir()):
        Path(shutil.copy2(path, folder.parent / ".copy")).replace(path)
    two.start()
    shared.wait_until(lambda store: store.count_by_state() == {State.DONE: 1})
    with shared.store() as store:
        [done] = store.in_states(State)
    assert (done.id, done.filed_as) == (job.id, "hall__sky-twilight")
    assert (shared.shop.bought(MERGE), shared.shop.bought(SKY)) == (1, 1)
    elm = shared.studio.done / ELM
    assert {path.name for path in elm.iterdir() if path.is_file()} == {"hall.jpg", "hall__sky-twilight.png"}
    assert [path.name for path in (elm / "receipts").iterdir()] == ["hall__sky-twilight.json"]
    assert files_below(elm / "originals" / "hall__sky-twilight") == photos


def test_results_that_are_away_hold_everything_up_and_nothing_is_bought_twice(cluster: Make) -> None:
    shared = cluster(store=LEASE)
    one = shared.member("one")
    frozen = one.start(freeze_at=CrashPoint.RESULTS_RECORDED)
    shared.drop("inbox", ELM, "hall__sky-twilight", bracket())
    wait_until_frozen(shared, frozen)
    results, away = shared.studio.results, shared.studio.root / "away"
    results.rename(away)
    results.mkdir()  # a bare mount point
    one.signal(signal.SIGCONT)
    shared.wait_until(lambda store: any(RESULTS_MARKER in job.reason for job in store.in_states(ACTIVE)))
    assert not list(results.iterdir())
    results.rmdir()
    away.rename(results)
    shared.wait_until(lambda store: store.count_by_state() == {State.DONE: 1})
    assert (shared.shop.bought(MERGE), shared.shop.bought(SKY)) == (1, 1)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda results: results.rmdir(), "is not there"),
        (lambda results: (results / "mine.jpg").write_bytes(b"x"), "holds other things"),
        (lambda results: (results / RESULTS_MARKER).write_text("another\n"), "is another hotfolder's"),
    ],
    ids=["missing", "not empty", "foreign"],
)
def test_a_start_with_another_folder_of_results_is_refused(
    cluster: Make, spoil: Callable[[Path], object], told: str
) -> None:
    shared = cluster(store=LEASE)
    spoil(shared.studio.results)
    before = files_below(shared.studio.results)
    run = shared.member("one").start()
    assert run.wait() == 3
    assert told in run.text() and str(shared.studio.results) in run.text()
    assert files_below(shared.studio.results) == before


def test_a_start_clears_its_own_half_written_downloads_and_leaves_those_of_others(cluster: Make) -> None:
    shared = cluster(store=LEASE)
    one, two = shared.member("one"), shared.member("two")
    killed = one.start(freeze_at=CrashPoint.RESULT_DOWNLOADED)
    shared.drop("inbox", ELM, "hall", bracket())
    wait_until_frozen(shared, killed)
    one.signal(signal.SIGKILL)
    killed.wait()
    [part] = shared.studio.results.glob("*.part")
    two.start()
    shared.wait_until(lambda store: store.count_by_state() == {State.DONE: 1})
    assert part.exists() and shared.shop.bought(MERGE) == 1
    one.start()
    assert not part.exists()
    assert len(shared.studio.kept_results()) == 1


def test_a_machine_that_calls_an_inbox_otherwise_than_the_others_is_refused(cluster: Make) -> None:
    """Two machines would otherwise work with one folder under two names, by the rules of two inboxes."""
    shared = cluster(inboxes="ab")
    one = shared.member("one")
    one.start()
    shared.wait_until(lambda _: sorted(filter(None, shared.owners().values())) == ["one", "one"])
    names = [shared.studio.root / name / ".hotfolder-root" for name in "ab"]
    wait_for(lambda: all(name.is_file() for name in names))
    swapped = json.dumps([{"path": "a", "name": "b"}, {"path": "b", "name": "a"}])
    two = shared.member("two", HOTFOLDER_INBOXES=swapped)
    run = two.start()
    assert run.wait() == 2
    assert "a is called b in these settings, and a on other machines of this store" in run.text()
    shared.drop("a", "12 Elm", "kitchen", bracket())
    shared.wait_until(lambda store: store.count_by_state() == {State.DONE: 1})
    assert shared.shop.bought() == 1
