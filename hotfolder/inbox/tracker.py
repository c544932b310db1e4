"""State of one inbox between scans: that of each set, and the decoder's results for each photo."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hotfolder import log
from hotfolder.clock import Clock
from hotfolder.display import visible
from hotfolder.errors import LocalTrouble
from hotfolder.inbox import notices
from hotfolder.inbox.contents import SeenFile, SetFolder, SetKey, unused_file_notices
from hotfolder.inbox.events import Claimed, SettlingSet
from hotfolder.inbox.notices import Notice
from hotfolder.inbox.scan import Snapshot
from hotfolder.inbox.settle import (
    Judgement,
    NoPhotos,
    Pace,
    Refused,
    SetState,
    Settled,
    Verdict,
    Waiting,
    files_with_jobs,
    settle,
    without_observations,
)
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import NeverUsable, NotWhole, PictureFacts, PictureLimits
from hotfolder.rules.sets import FileIdentity, Photo, as_int64

logger = log.get("inbox")

_AGAIN_SECONDS = 60.0
_TROUBLE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Entry:
    identity: FileIdentity
    judgement: Judgement
    judged_at: float


class PhotoCache:
    """Cache of the decoder's results for the photos of one inbox, valid for the state that was read; an
    unfinished one expires after a minute. `trouble` is why no photo can be decoded now, "" when all is well.
    """

    def __init__(self, inbox: Path, decoder: Decoder, limits: PictureLimits, clock: Clock) -> None:
        self.limits = limits
        self.trouble = ""
        self._inbox = inbox
        self._decoder = decoder
        self._clock = clock
        self._entries: dict[tuple[SetKey, str], _Entry] = {}
        self._reading: asyncio.Task[Judgement] | None = None

    def judgement(self, key: SetKey, file: SeenFile) -> Judgement | None:
        """The cached result for this state of this file; None where there is none, or it has expired."""
        entry = self._entries.get((key, file.name))
        if entry is None or entry.identity != file.identity:
            return None
        stale = self._clock.monotonic() - entry.judged_at >= _AGAIN_SECONDS
        return None if stale and entry.judgement.unfinished else entry.judgement

    def photo(self, key: SetKey, file: SeenFile) -> Photo:
        """The photo, which was found whole in this state."""
        judgement = self.judgement(key, file)
        assert judgement is not None and judgement.facts is not None
        return photo_of(self._inbox.joinpath(*key, file.name), file.identity, judgement.facts)

    def evict_except(self, files: Set[tuple[SetKey, str]]) -> None:
        """Evict every photo that isn't among `files`."""
        self._entries = {file: entry for file, entry in self._entries.items() if file in files}

    async def read(self, key: SetKey, file: SeenFile) -> bool:
        """Decode a photo that was seen in this state and cache the result; False where `break_off` cancelled
        it. On LocalTrouble nothing is cached, `trouble` is set, and it waits 5 s before it returns True.

        The result is used only if a later scan still sees that state: a file that was replaced meanwhile has
        another ctime, and an old ctime never returns.
        """
        reading = self._reading = asyncio.create_task(self._judged(key, file))
        try:
            await asyncio.wait({reading})
            if reading.cancelled():
                return False
            entry = _Entry(file.identity, reading.result(), self._clock.monotonic())
            self._entries[key, file.name] = entry
            self.trouble = ""
        except LocalTrouble as error:
            if error.message != self.trouble:
                logger.warning("photos_unreadable", inbox=str(self._inbox), reason=error.message)
            self.trouble = error.message
            await self._clock.sleep(_TROUBLE_SECONDS)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        return True

    def cancel_reading(self) -> None:
        """Cancel the decoding in progress, for a share that doesn't answer: the decoder process is shared.
        The photo is decoded when the share answers again and its set has been looked at."""
        if self._reading is not None:
            self._reading.cancel()

    async def _judged(self, key: SetKey, file: SeenFile) -> Judgement:
        path = self._inbox.joinpath(*key, file.name)
        try:
            # The picture's content matters only where photos are still to be grouped into sets.
            facts = await self._decoder.inspect(path, self.limits, closely=not key[1])
        except NotWhole as error:
            return Judgement(reason=error.message, hint=error.hint)
        except NeverUsable as error:
            return Judgement(reason=error.message, hint=error.hint, final=True)
        if as_int64(facts.inode) != file.identity.inode:
            # Replaced by a link, or for a moment by another file. The next look sees what is there now.
            return Judgement(reason=f"{visible(path.name)} was exchanged.")
        return Judgement(facts)


def photo_of(path: Path, identity: FileIdentity, facts: PictureFacts) -> Photo:
    """The photo at `path` from `facts`, which were decoded in the state `identity`."""
    return Photo(
        folder=path.parent,
        name=path.name,
        identity=identity,
        sha256=facts.sha256,
        format=facts.format,
        width=facts.width,
        height=facts.height,
        brightness=facts.brightness,
        orientation=facts.orientation,
        capture=facts.capture,
        signature=facts.signature,
        develop=facts.develop,
    )


Verdicts = list[tuple[SetKey, Settled | Refused]]


@dataclass(slots=True)
class _Tracked:
    """One set: its state, what it `waits` for, its notices, and its photos that are still to be decoded."""

    state: SetState
    waits: Waiting | None = None
    notices: tuple[Notice, ...] = ()
    to_read: tuple[SeenFile, ...] = ()


class SetTracker:
    """States, verdicts and notices of the sets in the inbox `root`. No I/O, no clock; not thread-safe."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._inbox_notices: tuple[Notice, ...] = ()
        self._sets: dict[SetKey, _Tracked] = {}

    def update(
        self,
        snapshot: Snapshot,
        now: float,
        *,
        pace_of: Callable[[SetKey, int], Pace],
        claimed: Claimed,
        cache: PhotoCache,
    ) -> Verdicts:
        """Update from a snapshot; returns the sets that are now ready or refused, each once. `now` is
        monotonic."""
        if snapshot.scope is None:
            self._inbox_notices = snapshot.notices
        known = self._sets.keys() if snapshot.scope is None else snapshot.scope
        for key in [key for key in known if key not in snapshot.folders]:
            if not snapshot.leaves_open(key):
                self.forget(key)
            elif (one := self._sets.get(key)) is not None:  # it may still exist
                one.to_read = ()
                if one.waits is not None:
                    one.waits = Waiting(one.waits.photo_count, "the folder can't be read", may_proceed=False)
        decided: Verdicts = []
        for key, seen in snapshot.folders.items():
            if seen.empty:
                self.forget(key)
                continue
            names = claimed(*key)
            before = self._sets.get(key)
            state, verdict = settle(
                before.state if before is not None else None,
                seen,
                now=now,
                pace_of=partial(pace_of, key),
                claimed=names,
                judgement_of=partial(cache.judgement, key),
            )
            waits = verdict if isinstance(verdict, Waiting) else None
            told = self._ignored_file_notices(key, seen, verdict, files_with_jobs(state, names))
            told += self._outdated_approval_notice(key, seen, state.decided.keys() - names)
            self._sets[key] = _Tracked(state, waits, told, waits.to_decode if waits is not None else ())
            if isinstance(verdict, Settled | Refused):
                decided.append((key, verdict))
        return decided

    def forget(self, key: SetKey) -> None:
        """Discard the set's state."""
        self._sets.pop(key, None)

    def decided_files(self, key: SetKey) -> Set[str]:
        """Names of the set's files that were part of a verdict and were unchanged at the last look."""
        one = self._sets.get(key)
        return one.state.decided.keys() if one is not None else frozenset()

    def restart(self, now: float) -> None:
        """Restart every set's quiet time, after a period without observations."""
        for one in self._sets.values():
            one.state, one.to_read = without_observations(one.state, now), ()

    def next_to_read(self) -> tuple[SetKey, SeenFile] | None:
        """Take the next photo to decode off the list, from the set that was seen first; None where there is
        none."""
        for key, one in self._sets.items():
            if one.to_read:
                file, *others = one.to_read
                one.to_read = tuple(others)
                return key, file
        return None

    def _waiting(self) -> Iterator[tuple[SetKey, Waiting]]:
        return ((key, one.waits) for key, one in self._sets.items() if one.waits is not None)

    def due(self, now: float) -> list[SetKey]:
        """Sets whose verdict may have changed by the passing of time alone."""
        looks = ((key, waits.look_at) for key, waits in self._waiting())
        return [key for key, look_at in looks if look_at is not None and look_at <= now]

    def next_look(self) -> float:
        """The monotonic time at which the next set is due; infinity if none is."""
        looks = (waits.look_at for _, waits in self._waiting() if waits.look_at is not None)
        return min(looks, default=float("inf"))

    def arriving(self, key: SetKey) -> Waiting | None:
        """The verdict on a set that is still in its quiet time; None for any other."""
        one = self._sets.get(key)
        waits = one.waits if one is not None else None
        return waits if waits is not None and waits.quiet_from is not None else None

    def notices(self) -> tuple[Notice, ...]:
        """The notices of the inbox and its folders, as of the last looks."""
        return (
            *self._inbox_notices,
            *(notice for key in sorted(self._sets) for notice in self._sets[key].notices),
        )

    def needs_full_scan(self, keys: Iterable[SetKey]) -> bool:
        """Whether a notice about one of these folders can be renewed only by a scan of the whole inbox."""
        folders = {self._root.joinpath(*key) for key in keys if key[1]}
        return any(notice.path in folders for notice in self._inbox_notices)

    def settling(self, now: float) -> tuple[SettlingSet, ...]:
        """The sets that are waiting, sorted, each with what it waits for."""
        return tuple(
            SettlingSet(*key, _waiting_text(waits, now), waits.may_proceed, waits.hint)
            for key, waits in sorted(self._waiting(), key=lambda one: one[0])
        )

    def _outdated_approval_notice(
        self, key: SetKey, seen: SetFolder, waiting: Set[str]
    ) -> tuple[Notice, ...]:
        """The notice about a `.ready` file that is older than one of the photos in `waiting`, which have
        settled and are in no job."""
        photos = [file for file in seen.photos if file.name in waiting]
        newest = max(photos, key=lambda file: file.identity.ctime_ns, default=None)
        if seen.ready is None or newest is None or newest.identity.ctime_ns <= seen.ready.identity.ctime_ns:
            return ()
        return (notices.outdated_approval(self._root.joinpath(*key), seen.ready.name, newest.name),)

    def _ignored_file_notices(
        self, key: SetKey, seen: SetFolder, verdict: Verdict, taken: frozenset[str]
    ) -> tuple[Notice, ...]:
        told = [obstacle.notice for obstacle in seen.obstacles if obstacle.name not in taken]
        if isinstance(verdict, NoPhotos) and verdict.other_files and not (seen.flat or seen.photos):
            told += unused_file_notices(
                self._root.joinpath(*key), verdict.other_files, notices.no_photo_in_room
            )
        return tuple(told)


def _waiting_text(verdict: Waiting, now: float) -> str:
    if verdict.quiet_from is None:
        return verdict.reason
    quiet = max(0.0, now - verdict.quiet_from)
    return f"{verdict.reason}, quiet for {quiet:.0f} of {verdict.quiet_seconds:g} s"
