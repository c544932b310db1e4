"""Photos that come after the rest: which are held, and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from hotfolder.jobs.states import ACTIVE, State
from hotfolder.jobs.tables import Job, JobFile
from hotfolder.rules.grouping.habits import uncopied
from hotfolder.rules.sets import BracketSet, Photo

LATE = timedelta(hours=1)
"""A photo that appears so soon after its folder's set was finished is taken for a straggler of that set."""


def latecomers(photos: Sequence[Photo], earlier: Job, earlier_photos: int) -> str:
    """Why photos of a flat drop must not be paid for by themselves, soon after the rest; "" when they may:
    as many as the latest set had may be a set of their own."""
    if len(photos) >= max(2, earlier_photos):
        return ""
    if State(earlier.state) not in ACTIVE and too_late(photos, earlier):
        return ""
    name = photos[0].path.name
    if len(photos) == 1:
        return (
            f"{name} came alone, after the other photos of its shoot had been taken, and is not paid for by"
            " itself. If it is a picture of its own, say so with a file named .ready or `hotfolder approve`;"
            " else move it out"
        )
    return (
        f"{name} and {len(photos) - 1} more came after the other photos of their shoot had been taken; they"
        " are fewer than its latest set had, and are not paid for by themselves. If they are a set of their"
        " own, say so with a file named .ready or `hotfolder approve`; else move them out"
    )


def too_late(photos: Sequence[Photo], earlier: Job) -> bool:
    """Whether the photos came so long after a job had ended that they don't belong to it."""
    until = datetime.fromisoformat(earlier.finished_at or earlier.updated_at) + LATE
    return max(photo.identity.ctime_ns for photo in photos) / 1e9 > until.timestamp()


def straggler(found: BracketSet, earlier: Job, earlier_photos: Sequence[JobFile], paid_for: bool) -> str:
    """Why `found` must not be paid for by itself, as the rest of `earlier`'s set; "" when it may."""
    names = ", ".join(photo.path.name for photo in found.photos[:3])
    one = len(found.photos) == 1
    if State(earlier.state) in ACTIVE:
        waits = "it waits" if one else "they wait"
        return f"{names} came while the rest of the set is being worked on; {waits} for that to end"
    if found.approved or not paid_for or too_late(found.photos, earlier):
        return ""
    if whole_again(found, earlier_photos):
        return ""
    return (
        f"{names} came after the set had been paid for, and {'is' if one else 'are'} not paid for"
        f" {'by itself' if one else 'by themselves'}. If {'it is' if one else 'they are'} a picture of"
        f" {'its' if one else 'their'} own, move {'it' if one else 'them'} into a new folder; to make the set"
        f" again with {'it' if one else 'them'}, drop all its photos together"
    )


def whole_again(found: BracketSet, earlier_photos: Sequence[JobFile]) -> bool:
    """Whether all photos of the earlier set came too, as they were or exported anew under their names."""
    names = {photo.path.name for photo in found.photos}
    names |= {uncopied(name) for name in names}
    hashes = {photo.sha256 for photo in found.photos}
    return all(file.name in names or file.sha256 in hashes for file in earlier_photos)
