"""Random changes to folders over time: nothing is lost, paid twice, or started too early.

The files, the inbox, intake and store are real; only the clock is held. `HOTFOLDER_MODEL_EXAMPLES=500` runs
that many other examples.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from hotfolder import log
from hotfolder.config.load import load
from hotfolder.daemon import service
from hotfolder.daemon.service import ApiAccess, Daemon
from hotfolder.errors import UsageError
from hotfolder.jobs.model import Job
from hotfolder.jobs.states import ACTIVE, State
from hotfolder.jobs.steps.filing import file_in_failed
from hotfolder.outbox.files import Sharing
from hotfolder.outbox.returning import SetReturn
from hotfolder.pictures.decoder import Decoder
from tests.support.audit import OURS, kept
from tests.support.clocks import HeldClock
from tests.support.pictures import jpeg
from tests.support.studio import Studio

pytestmark = pytest.mark.long

T = TypeVar("T")
QUIET_SECONDS, GIVE_UP_SECONDS = 15.0, 60.0
WHILES = (0.3, 5.0, QUIET_SECONDS - 5, QUIET_SECONDS, GIVE_UP_SECONDS)
ELM, ROOMS = "12 Elm Road", ("hall", "bath", "attic")
NAMES = ("1.jpg", "2.jpg", "3.jpg", "4.jpg")
NOWHERE = ApiAccess("http://127.0.0.1:9", "http://127.0.0.1:9", ("127.0.0.1:9",), lambda: "any-key")


class Workshop:
    """An event loop and a decoder, shared by all stories since they are slow to start."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.decoder = Decoder()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        async def in_time() -> T:
            async with asyncio.timeout(120):
                return await work

        return self.loop.run_until_complete(in_time())


class LastingDecoder:
    """The workshop's decoder, for daemons that close their decoder at the end."""

    def __init__(self, shared: Decoder) -> None:
        self.inspect, self.render = shared.inspect, shared.render

    async def close(self) -> None:
        """Do nothing: the decoder is used again."""


class Story(RuleBasedStateMachine):
    """One studio and its random events. `there` counts the contents that people have dropped and not taken
    away."""

    workshop: Workshop

    def __init__(self) -> None:
        super().__init__()
        self.studio = Studio(
            Path(tempfile.mkdtemp(prefix="hotfolder-story-")),
            settle={"quiet_seconds": QUIET_SECONDS, "give_up_seconds": GIVE_UP_SECONDS},
        )
        self.clock = HeldClock()
        self.there: Counter[bytes] = Counter()
        self.changed: dict[Path, float] = {}
        self.known: set[str] = set()
        self.daemon = self.workshop.run(self.start())
        self.project = self.studio.inbox / ELM
        self.project.mkdir()

    async def start(self) -> Daemon:
        daemon = Daemon(load(self.studio.config, {}), NOWHERE, clock=self.clock)
        await daemon.worker.load()
        return daemon

    async def stop(self) -> None:
        await self.daemon.intake.early.close()
        await self.daemon.close()

    def photos(self) -> list[Path]:
        return sorted(self.project.glob("*/*.jpg"))

    def write(self, path: Path, content: bytes) -> None:
        if path.exists():
            self.there[path.read_bytes()] -= 1
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        self.there[content] += 1
        self.changed[path] = self.clock.seconds

    # All actions are one rule: of several, Hypothesis leaves some out of each story, and without drops or
    # time nothing happens.
    @rule(
        act=st.integers(0, 8),
        seed=st.integers(0, 2**16),
        seconds=st.lists(st.sampled_from(WHILES), max_size=3),
    )
    def goes_on(self, act: int, seed: int, seconds: list[float]) -> None:
        choices = Random(seed)
        if not ACTS[act](self, choices):
            drop(self, choices)
        for each in seconds:
            self.look()
            self.clock.pass_seconds(each)
            self.look()

    def moved(self, folder: Path) -> None:
        for path in folder.iterdir():
            self.changed[path] = self.clock.seconds

    def came_back(self) -> list[Path]:
        failed = self.studio.failed / ELM
        return sorted(failed.iterdir()) if failed.is_dir() else []

    def look(self) -> None:
        self.workshop.run(self._look())
        for job in self.jobs():
            if job.id not in self.known:
                self.known.add(job.id)
                self.assert_settled(job)

    async def _look(self) -> None:
        for event in await self.daemon.inboxes["inbox"].look():
            await self.daemon.intake.accept("inbox", event)

    async def fail(self, job: Job) -> None:
        store = self.daemon.store
        if job.state != State.REFUSING:
            job = store.advance(job.id, State.REFUSING, self.clock.now(), reason="not today", hint="")
        await file_in_failed(self.daemon.context, job)
        await self.stop()
        self.daemon = await self.start()

    def jobs(self) -> list[Job]:
        return sorted(self.daemon.store.in_states(ACTIVE), key=lambda job: (job.folder, job.filed_as or ""))

    def paths_of(self, job: Job) -> set[Path]:
        folder = self.studio.inbox / job.project / job.folder
        return {folder / file.name for file in self.daemon.store.files(job.id)}

    def assert_settled(self, job: Job) -> None:
        """Assert that the job's files, and all others without a job, were unchanged for the quiet time."""
        mine = self.paths_of(job)
        others = set().union(*(self.paths_of(other) for other in self.jobs() if other.id != job.id))
        folder = self.studio.inbox / job.project / job.folder
        for path in mine | set(folder.glob("*.jpg")) - others:
            quiet = self.clock.seconds - self.changed.get(path, 0.0)
            assert quiet >= QUIET_SECONDS, f"{path.name} was changed {quiet} s before {job.folder} was taken"

    @invariant()
    def everything_is_somewhere_once(self) -> None:
        found: dict[bytes, list[str]] = {}
        for path, content in kept(self.studio):
            if not OURS.fullmatch(path):
                found.setdefault(content, []).append(path)
        twice_or_strange = [paths for content, paths in found.items() if len(paths) != self.there[content]]
        lost = sum(times > 0 and content not in found for content, times in self.there.items())
        assert not twice_or_strange and not lost, f"{lost} are lost; {twice_or_strange}"

    @invariant()
    def no_photo_is_in_two_open_jobs(self) -> None:
        claims = Counter(path for job in self.jobs() for path in self.paths_of(job))
        assert not [path for path, times in claims.items() if times > 1]

    def teardown(self) -> None:
        try:
            for _ in range(4):
                self.clock.pass_seconds(GIVE_UP_SECONDS)
                self.look()
            self.everything_is_somewhere_once()
            self.assert_nothing_is_silent()
        finally:
            self.workshop.run(self.stop())
            shutil.rmtree(self.studio.root)

    def assert_nothing_is_silent(self) -> None:
        status = self.daemon.inboxes["inbox"].status()
        told = {(one.project, one.folder) for one in status.settling}
        told |= {(project, folder) for _, project, folder in self.daemon.intake.held}
        notices = " ".join(notice.text for notice in status.notices)
        taken = set().union(*(self.paths_of(job) for job in self.jobs()))
        for path in self.photos():
            said = path in taken or (ELM, path.parent.name) in told or path.name in notices
            assert said, f"nobody says why {path.parent.name}/{path.name} is still in the inbox"


def drop(story: Story, choices: Random) -> bool:
    room = story.project / choices.choice(ROOMS)
    for name in sorted(choices.sample(NAMES, choices.randint(1, len(NAMES)))):
        if not (room / name).exists():
            story.write(room / name, jpeg(size=(32, 24)))
    return True


def rewrite(story: Story, choices: Random) -> bool:
    if photos := story.photos():
        content = jpeg(size=(32, 24))
        story.write(choices.choice(photos), content if choices.random() < 0.5 else content[:300])
    return bool(photos)


def rename_photo(story: Story, choices: Random) -> bool:
    for path in story.photos():
        target = path.with_name(choices.choice(NAMES))
        if not target.exists():
            story.changed[path.rename(target)] = story.clock.seconds
            return True
    return False


def rename_room(story: Story, choices: Random) -> bool:
    rooms = sorted(path for path in story.project.iterdir() if any(path.iterdir()))
    free = [story.project / name for name in ROOMS if not (story.project / name).exists()]
    if rooms and free:
        story.moved(choices.choice(rooms).rename(choices.choice(free)))
    return bool(rooms and free)


def take_away(story: Story, choices: Random) -> bool:
    if photos := story.photos():
        path = choices.choice(photos)
        story.there[path.read_bytes()] -= 1
        path.unlink()
    return bool(photos)


def drag_back(story: Story, choices: Random) -> bool:
    free = [story.project / name for name in ROOMS if not any((story.project / name).glob("*"))]
    if (sets := story.came_back()) and free:
        story.moved(choices.choice(sets).rename(free[0]))
    return bool(sets and free)


def put_back(story: Story, choices: Random) -> bool:
    """Put photos back as `hotfolder retry` does. It refuses where a photo is in the way, and then nothing has
    moved."""
    sets = story.came_back()
    if sets:
        target = story.project / choices.choice(ROOMS)
        way = SetReturn(choices.choice(sets), target, "job", shared=Sharing())
        try:
            way.gather()
        except UsageError:
            return False
        way.arrive(lambda: None)
        story.moved(target)
    return bool(sets)


def fail_and_start_again(story: Story, choices: Random) -> bool:
    if jobs := story.jobs():
        story.workshop.run(story.fail(choices.choice(jobs)))
    return bool(jobs)


Act = Callable[[Story, Random], bool]
"""An action of a person; False where it isn't possible and nothing was done."""
ACTS: tuple[Act, ...] = (
    drop,
    rewrite,
    rename_photo,
    rename_room,
    take_away,
    drag_back,
    put_back,
    fail_and_start_again,
    fail_and_start_again,
)


@contextmanager
def workshop() -> Iterator[Workshop]:
    made = Workshop()
    try:
        yield made
    finally:
        made.run(made.decoder.close())
        made.loop.close()


def test_whatever_people_do_nothing_is_lost_doubled_or_taken_early(monkeypatch: pytest.MonkeyPatch) -> None:
    log.configure(level="ERROR")
    wished = int(os.environ.get("HOTFOLDER_MODEL_EXAMPLES", "0"))
    with workshop() as shared:
        monkeypatch.setattr(service, "Decoder", lambda: LastingDecoder(shared.decoder))
        monkeypatch.setattr(Story, "workshop", shared, raising=False)
        run_state_machine_as_test(
            Story,
            settings=settings(
                max_examples=wished or 6,
                phases=(Phase.generate,),
                stateful_step_count=20,
                deadline=None,
                derandomize=not wished,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
