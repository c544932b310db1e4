"""Sets that may be pieces: of a bracket that was stopped, or of a drop whose rest has not come yet.

An export that pauses for longer than the quiet time looks like one that has ended. What it has of the set
that it paused in is the last of the drop, by the camera's clock.
"""

from __future__ import annotations

from collections.abc import Sequence

from hotfolder.rules.grouping import wording
from hotfolder.rules.grouping.frames import shot
from hotfolder.rules.grouping.model import Draft

_AUTO_BRACKET = 2


def piece_of_bracket(draft: Draft) -> list[str]:
    """Why a frame that lies there by itself was not taken by itself; empty where nothing says so."""
    if len(draft.photos) > 1 or draft.lit:
        return []
    name, taken = draft.photos[0].name, shot(draft.photos[0])
    if (taken.sequence_length or taken.sequence_number or 1) > 1:
        counted = f" of {taken.sequence_length}" if taken.sequence_length else ""
        return [f"{name} lies there alone, and the camera counted it as {taken.sequence_number}{counted}"]
    if taken.exposure_mode == _AUTO_BRACKET:
        return [f"{name} lies there alone, and the camera was bracketing"]
    return []


def last_of_several(last: Draft, others: Sequence[Draft]) -> list[str]:
    """Why the set that was taken last may lack frames that are still to come; empty where it is as the others
    are, or was clearly meant to be otherwise."""
    several = [draft for draft in others if len(draft.photos) > 1]
    number = len(last.photos)
    if not several or any(len(draft.photos) == number for draft in several):
        return []
    if _counted(last) or _modes([last]).isdisjoint(_modes(several)):
        return []
    sizes = [len(draft.photos) + draft.lit for draft in others]
    usual = max(set(sizes), key=lambda size: (sizes.count(size), size))
    if number + last.lit >= usual:
        return []
    return [
        f"it has {wording.frames(number)} where others have {usual}, and was taken last: the rest of it may "
        "still be coming"
    ]


def _counted(draft: Draft) -> bool:
    """Whether the camera's own count says that nothing is missing."""
    lengths = {shot(photo).sequence_length for photo in draft.photos}
    return lengths == {len(draft.photos) + draft.lit}


def _modes(drafts: Sequence[Draft]) -> set[int | None]:
    return {shot(photo).exposure_mode for draft in drafts for photo in draft.photos}
