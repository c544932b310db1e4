"""Boundaries between sets: for each two consecutive frames, whether the set continues or a new one begins.

A bracketing camera pauses for 0.2 to 0.3 s between frames; sets shot by hand have pauses of 7 to 27 s, and so
has the way to the next room. So a pause alone decides only next to a burst; elsewhere exposures and picture
content do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from hotfolder.rules.grouping.evidence import (
    AUTO_BRACKET,
    Likeness,
    Step,
    capture_of,
    exposure_ev,
    likeness,
    repeated_exposure_text,
    start_seconds,
)
from hotfolder.rules.grouping.results import BY_HAND_SECONDS, IDLE_SECONDS, SAME_EXPOSURE_EV
from hotfolder.rules.sets import Photo

_LEAST_STEP_EV = 0.6
_MANUAL = 1


@dataclass(frozen=True, slots=True)
class Boundary:
    """The decision between two frames. `joins`: the set continues. `evidence` is for people; `doubt`,
    `weak_doubt` and `mutual_doubt` are as in `model.Draft`."""

    joins: bool
    evidence: tuple[str, ...] = ()
    doubt: str | None = None
    weak_doubt: str | None = None
    mutual_doubt: str | None = None


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The set so far, the following frame, the step between them, and the lengths of the bursts that the last
    and the following frame belong to (1: a single frame)."""

    so_far: Sequence[Photo]
    following: Photo
    step: Step
    burst_before: int
    burst_after: int

    @property
    def last(self) -> Photo:
        return self.so_far[-1]


def decide_boundary(at: Neighbours) -> Boundary:
    """Decide by the strongest evidence: setup changes, repeated exposures, bursts, pauses, content."""
    if at.step.changes:
        doubt = None
        if at.step.burst and not at.step.dark_frame:
            both = f"{at.last.name} and {at.following.name}"
            doubt = f"{both} were taken in one burst, with another setup: perhaps by two cameras"
        return Boundary(False, at.step.changes, doubt)
    pause: tuple[str, ...] = ()
    if not at.step.burst and at.step.idle_seconds > IDLE_SECONDS:
        pause = (_pause_text(at.step.idle_seconds, IDLE_SECONDS),)
    earlier = _same_exposure(at)
    if earlier is not None:
        return _repeated_exposure(at, earlier, pause)
    if at.step.burst and not at.step.dark_frame:
        return Boundary(True)
    if at.step.dark_frame or at.step.idle_seconds <= IDLE_SECONDS:
        return _short_pause(at)
    if at.step.idle_seconds > BY_HAND_SECONDS:
        return _long_pause(at)
    if max(at.burst_before, at.burst_after) > 1:
        return Boundary(False, pause)
    return _new_exposure_by_hand(at, pause)


def _pause_text(seconds: float, limit: float) -> str:
    return f"idle for {seconds:.1f} s, more than {limit:g} s"


def _same_exposure(at: Neighbours) -> Photo | None:
    ours = exposure_ev(at.following)
    return next((frame for frame in at.so_far if abs(exposure_ev(frame) - ours) <= SAME_EXPOSURE_EV), None)


def _repeated_exposure(at: Neighbours, earlier: Photo, pause: tuple[str, ...]) -> Boundary:
    evidence = (repeated_exposure_text(earlier, at.following), *pause)
    if at.step.order_unknown:
        doubt = (
            f"{at.last.name} and {at.following.name} were taken within a second or two, and this camera "
            "writes whole seconds only: which frames belong to the set before can't be told"
        )
        if start_seconds(at.last) == start_seconds(at.following):
            return Boundary(False, evidence, doubt)
        # The frames before the cut are certain: where all sets match, the cut can't be elsewhere.
        return Boundary(False, evidence, mutual_doubt=doubt)
    if at.step.burst and earlier is at.last:
        doubt = f"{at.last.name} and {at.following.name} were taken in one burst with the same exposure"
        return Boundary(False, evidence, doubt)
    if earlier is at.last and _is_retake(at):
        return Boundary(True, doubt=f"{at.following.name} may be {at.last.name} taken again")
    return Boundary(False, evidence)


def _is_retake(at: Neighbours) -> bool:
    """Whether a frame of a set shot by hand was repeated, as when someone walked through the picture."""
    by_hand = max(at.burst_before, at.burst_after) == 1 < len(at.so_far)
    return by_hand and likeness(at.following, *at.so_far) is not Likeness.DIFFERENT


def _long_pause(at: Neighbours) -> Boundary:
    evidence = (_pause_text(at.step.idle_seconds, BY_HAND_SECONDS),)
    alone = max(at.burst_before, at.burst_after) == 1
    if alone and _set_by_hand(at) and likeness(at.following, *at.so_far) is Likeness.SAME:
        doubt = f"{at.following.name} shows the same picture as {at.last.name}"
        # A deleted frame between the two doubles the pause.
        if at.step.idle_seconds <= 2 * BY_HAND_SECONDS and _continues_pattern(at):
            return Boundary(True, doubt=f"{doubt}, {at.step.idle_seconds:.0f} s later")
        return Boundary(False, evidence, doubt)
    return Boundary(False, evidence)


def _short_pause(at: Neighbours) -> Boundary:
    """Decide after a pause of up to IDLE_SECONDS (nobody moves far), or one as long as a dark frame."""
    seconds = f"{at.step.idle_seconds:.1f} s"
    alike = likeness(at.following, *at.so_far)
    if alike is Likeness.DIFFERENT:
        return Boundary(False, (f"{at.following.name} shows another picture, after {seconds}",))
    if min(at.burst_before, at.burst_after) > 1 and not at.step.dark_frame:
        doubt = f"another burst of exposures, {seconds} later, may belong to the same set"
        return Boundary(False, (f"a new burst began, after {seconds}",), doubt)
    if not _is_bracketed(at):
        doubt = (
            f"{at.following.name} came {seconds} after {at.last.name} and is exposed differently, and "
            "nothing says that they were bracketed"
        )
        return Boundary(False, (f"another exposure, after {seconds}",), doubt)
    weak = None if alike is Likeness.SAME else f"{at.following.name} came {seconds} after {at.last.name}"
    return Boundary(True, weak_doubt=weak)


def _new_exposure_by_hand(at: Neighbours, pause: tuple[str, ...]) -> Boundary:
    """Decide between two single frames released by hand, where the exposure is new to the set."""
    alike = likeness(at.following, *at.so_far)
    by_hand = _set_by_hand(at)
    if alike is Likeness.DIFFERENT:
        return Boundary(False, (f"{at.following.name} shows another picture", *pause))
    if alike is Likeness.SAME:
        if by_hand:
            return Boundary(True)
        doubt = None
        if _least_step(at) >= _LEAST_STEP_EV:
            doubt = f"{at.following.name} shows the same picture as {at.last.name}, exposed differently"
        return Boundary(False, pause, doubt)
    if not by_hand:
        return Boundary(False, pause)
    weak = (
        f"whether {at.following.name} shows the same picture as {at.last.name}, {at.step.idle_seconds:.1f} s "
        "before, can't be seen"
    )
    if _continues_pattern(at):
        return Boundary(True, weak_doubt=weak)
    return Boundary(False, ("the exposures began again from the other end", *pause), weak_doubt=weak)


def _is_bracketed(at: Neighbours) -> bool:
    """Whether EXIF says that the camera was bracketing, or a person changed the exposure."""
    auto = all(capture_of(frame).exposure_mode == AUTO_BRACKET for frame in (at.last, at.following))
    return auto or _set_by_hand(at)


def _set_by_hand(at: Neighbours) -> bool:
    """Whether a person, not the camera's meter, may have changed the exposure between the two frames."""
    before, after = capture_of(at.last), capture_of(at.following)
    if before.aperture != after.aperture or _least_step(at) < _LEAST_STEP_EV:
        return False
    modes = {before.exposure_mode, after.exposure_mode}
    if modes == {_MANUAL} or (modes <= {_MANUAL, None} and before.iso == after.iso):
        return True
    if before.bias_ev is None or after.bias_ev is None or before.bias_ev == after.bias_ev:
        return False
    turned = before.bias_ev - after.bias_ev
    return abs(exposure_ev(at.following) - exposure_ev(at.last) - turned) <= 0.35


def _least_step(at: Neighbours) -> float:
    ours = exposure_ev(at.following)
    return min(abs(exposure_ev(frame) - ours) for frame in at.so_far)


def _continues_pattern(at: Neighbours) -> bool:
    """Whether the exposures continue their pattern: all rising, all falling, or alternating around the
    first."""
    values = [exposure_ev(frame) for frame in (*at.so_far, at.following)]
    turns = [after - before for before, after in pairwise(values)]
    if all(turn > 0 for turn in turns) or all(turn < 0 for turn in turns):
        return True
    return len(turns) == 2 and abs(turns[0] + turns[1] / 2) <= 0.35
