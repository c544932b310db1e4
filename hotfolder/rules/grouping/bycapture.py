"""Grouping by what the camera recorded."""

from __future__ import annotations

from collections.abc import Sequence

from hotfolder.rules.grouping.boundaries import Neighbours, boundary
from hotfolder.rules.grouping.doubts import examine
from hotfolder.rules.grouping.flash import lit_in_burst, steps_past_flash
from hotfolder.rules.grouping.frames import Step, fired, streams
from hotfolder.rules.grouping.model import Draft, GroupingOptions, GroupingPhoto


def drafts_by_capture(photos: Sequence[GroupingPhoto], options: GroupingOptions) -> list[Draft]:
    """The sets of all bodies, frames in the order taken. All photos must have a start time; those with flash
    are left out, but fill the time that they took."""
    drafts: list[Draft] = []
    found = streams(photos)
    for frames in found:
        unlit = [frame for frame in frames if not fired(frame)]
        if unlit:
            of_body = _segments(unlit, steps_past_flash(frames), options)
            lit = lit_in_burst(frames)
            for draft in of_body:
                draft.lit = sum(lit[photo.name] for photo in draft.photos)
            examine(of_body, options)
            if len(found) > 1 and not of_body[0].evidence:
                of_body[0].evidence = ("another camera took it",)
            drafts += of_body
    return drafts


def _segments(frames: list[GroupingPhoto], steps: list[Step], options: GroupingOptions) -> list[Draft]:
    bursts = _burst_lengths(steps)
    drafts = [Draft([frames[0]])]
    for number, step in enumerate(steps, start=1):
        draft = drafts[-1]
        at = Neighbours(draft.photos, frames[number], step, bursts[number - 1], bursts[number])
        found = boundary(at, options)
        if not found.joins:
            drafts.append(Draft([], found.evidence))
        drafts[-1].photos.append(frames[number])
        for touched in {id(each): each for each in (draft, drafts[-1])}.values():
            touched.doubts += [found.doubt] if found.doubt else []
            touched.weak += [found.weak_doubt] if found.weak_doubt else []
            touched.mutual += [found.mutual_doubt] if found.mutual_doubt else []
    return drafts


def _burst_lengths(steps: list[Step]) -> list[int]:
    """For each frame, how many frames were fired with it in one burst, itself included."""
    lengths: list[int] = []
    start = 0
    for number in range(1, len(steps) + 2):
        if number > len(steps) or not steps[number - 1].burst or steps[number - 1].changes:
            lengths += [number - start] * (number - start)
            start = number
    return lengths
