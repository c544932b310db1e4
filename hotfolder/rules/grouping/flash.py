"""Frames lit by flash: they can't be merged with frames that aren't."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from hotfolder.rules.grouping.frames import Step, fired, started, step_between, streams
from hotfolder.rules.grouping.model import Draft, GroupingOptions, GroupingPhoto, KeptOut


def steps_past_flash(frames: Sequence[GroupingPhoto]) -> list[Step]:
    """What lies between each two frames without flash. A flash frame between them is not idle time: the
    longest pause on the way counts."""
    steps: list[Step] = []
    last: GroupingPhoto | None = None
    way: list[Step] = []
    for before, frame in zip([None, *frames], frames, strict=False):
        if before is not None and last is not None:
            way.append(step_between(before, frame))
        if fired(frame):
            continue
        if last is not None:
            longest = max(way, key=lambda step: step.idle_seconds)
            steps.append(
                Step(
                    idle_seconds=longest.idle_seconds,
                    burst=all(step.burst for step in way),
                    dark_frame=longest.dark_frame,
                    changes=step_between(last, frame).changes,
                    untold=step_between(last, frame).untold,
                )
            )
        last, way = frame, []
    return steps


def lit_in_burst(frames: Sequence[GroupingPhoto]) -> Counter[str]:
    """How many frames with flash were fired in one burst with a frame without, by the name of that one."""
    counts: Counter[str] = Counter()
    unlit: GroupingPhoto | None = None
    for before, frame in pairwise(frames):
        unlit = before if not fired(before) else unlit
        if not step_between(before, frame).burst:
            unlit = None
        elif fired(frame) and unlit is not None:
            counts[unlit.name] += 1
    return counts


def lit_frames(
    photos: Sequence[GroupingPhoto], drafts: list[Draft], options: GroupingOptions
) -> tuple[list[KeptOut], list[Draft]]:
    """What becomes of the frames with flash among `photos`: kept out beside the set of `drafts` that they
    were taken with, or, where there is none, sets of one that a person should see first."""
    kept_out: list[KeptOut] = []
    alone: list[Draft] = []
    for frames in streams(photos):
        unlit = [frame for frame in frames if not fired(frame)]
        for frame in frames:
            if not fired(frame):
                continue
            beside = _nearest(frame, unlit, options)
            if beside is None:
                doubt = f"{frame.name} was taken with flash, and no frame without flash was taken with it"
                alone.append(Draft([frame], ("taken with flash, by itself",), [doubt]))
                continue
            together = next(draft for draft in drafts if beside in draft.photos)
            reason = f"The flash fired for {frame.name}: it is kept out of the merge with {beside.name}."
            kept_out.append(KeptOut(frame, reason, together.photos[0].name))
    return kept_out, alone


def _nearest(
    frame: GroupingPhoto, unlit: Sequence[GroupingPhoto], options: GroupingOptions
) -> GroupingPhoto | None:
    found: list[tuple[float, GroupingPhoto]] = []
    for other in unlit:
        step = step_between(*sorted((frame, other), key=started))
        if step.idle_seconds <= options.by_hand_seconds and not step.changes:
            found.append((step.idle_seconds, other))
    return min(found, key=lambda pair: pair[0])[1] if found else None
