"""What is known of the photos in the inbox, so that nothing is decoded twice."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from hotfolder.clock import Clock
from hotfolder.inbox.verdicts import Judgement, Standing
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import NeverUsable, NotWhole, PictureFacts, PictureLimits
from hotfolder.rules.sets import FileIdentity, Photo

_AGAIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Entry:
    identity: FileIdentity
    judgement: Judgement
    judged_at: float


class PhotoBook:
    """Judgements by path and identity. An unfinished one is read again after a minute."""

    def __init__(self, decoder: Decoder, limits: PictureLimits, clock: Clock) -> None:
        self._decoder = decoder
        self.limits = limits
        self._clock = clock
        self._entries: dict[Path, _Entry] = {}

    def judgement(self, path: Path, identity: FileIdentity) -> Judgement | None:
        """What is known of this state of this file; None: nothing, or not recently enough."""
        entry = self._entries.get(path)
        if entry is None or entry.identity != identity:
            return None
        stale = self._clock.monotonic() - entry.judged_at >= _AGAIN_SECONDS
        return None if stale and entry.judgement.standing is Standing.UNFINISHED else entry.judgement

    def was_unfinished(self, path: Path, identity: FileIdentity) -> bool:
        """Whether another state of this file was read and was not whole: it is growing."""
        entry = self._entries.get(path)
        growing = entry is not None and entry.judgement.standing is Standing.UNFINISHED
        return growing and entry is not None and entry.identity != identity

    async def judge(self, path: Path, identity: FileIdentity, *, closely: bool = True) -> None:
        """Read it, having seen it in that state; `closely` where it matters what it shows. Raises
        LocalTrouble when nothing can be read now.

        What is remembered counts only if a later scan sees that state still: a file that was replaced
        meanwhile has another ctime, and an old one never returns.
        """
        judgement = await self._read(path, closely)
        self._entries[path] = _Entry(identity, judgement, self._clock.monotonic())

    def photo(self, path: Path, identity: FileIdentity) -> Photo:
        """The photo, which must have been judged whole in this state; raises KeyError otherwise."""
        judgement = self.judgement(path, identity)
        if judgement is None or judgement.facts is None:
            raise KeyError(path)
        return photo_of(path, identity, judgement.facts)

    def keep_only(self, paths: Set[Path]) -> None:
        """Forget every photo that isn't among `paths`."""
        self._entries = {path: entry for path, entry in self._entries.items() if path in paths}

    async def _read(self, path: Path, closely: bool) -> Judgement:
        try:
            facts = await self._decoder.inspect(path, self.limits, closely=closely)
        except NotWhole as error:
            return Judgement(Standing.UNFINISHED, reason=error.message, hint=error.hint)
        except NeverUsable as error:
            return Judgement(Standing.UNUSABLE, reason=error.message, hint=error.hint)
        return Judgement(Standing.WHOLE, facts=facts)


def photo_of(path: Path, identity: FileIdentity, facts: PictureFacts) -> Photo:
    """The photo at `path`, of which `facts` were read in that state."""
    return Photo(
        path=path,
        identity=identity,
        sha256=facts.sha256,
        format=facts.format,
        width=facts.width,
        height=facts.height,
        brightness=facts.brightness,
        exposure_value=facts.exposure_value,
        orientation=facts.orientation,
        capture=facts.capture,
        signature=facts.signature,
        develop=facts.develop,
    )
