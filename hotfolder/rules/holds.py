"""Reasons why a set waits for a person, and those that a room's name, its route and its photos' shapes give.

`why_room_held` in `jobs/previous.py` asks for all reasons to hold a room. Those about earlier sets are in
`late.py`; doubts about a set of a shoot, in `grouping/doubts.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hotfolder.display import with_hint
from hotfolder.rules.foldernames import fully_quoted, quoted, without_again
from hotfolder.rules.grouping.copies import without_copies
from hotfolder.rules.grouping.evidence import by_name
from hotfolder.rules.routing import Rulebook, matching_by_name
from hotfolder.rules.sets import MOST_PHOTOS, Photo


class WaitReason(NamedTuple):
    """The reason why something waits (a sentence without its full stop), and what a person can do (whole
    sentences). Falsy where nothing waits. `lasting`: it concerns an earlier set, and so doesn't depend on the
    project's name."""

    reason: str = ""
    hint: str = ""
    lasting: bool = False

    def __bool__(self) -> bool:
        return bool(self.reason)

    def preceded_by(self, changed: str) -> WaitReason:
        """This reason behind the sentence `changed`, which says what has changed; falsy where nothing
        waits."""
        return self._replace(reason=f"{changed}. {self.reason}") if self and changed else self

    def __str__(self) -> str:
        return with_hint(self.reason, self.hint)


def join_reasons(whys: Iterable[WaitReason]) -> WaitReason:
    """Join several into one: all reasons, and each distinct hint once."""
    some = list(filter(None, whys))
    hints = dict.fromkeys(why.hint for why in some if why.hint)
    return WaitReason(". ".join(why.reason for why in some), " ".join(hints))


HOW_TO_APPROVE = (
    "add __ok to its name, put a file named READY.txt into it, or say `hotfolder approve`, and its photos are"
    " made as they are"
)
"""How a person approves what is held; the easiest way first."""
REVIEW = "its route asks for a review"
REVIEW_REASON = WaitReason(
    REVIEW,
    "`hotfolder explain` shows what would be made. To have it made, add __ok to its folder's name, put a file"
    " named READY.txt into it, or say `hotfolder approve` with the folder.",
)


def asks_review(rulebook: Rulebook, project: str, room: str, photo_count: int | None = None) -> bool:
    """Whether a person must review the room's set of so many photos: decided by the first matching route that
    has both `group` and a pattern for rooms or tags. Where the number isn't known (None), a review for some
    number counts."""
    for route in matching_by_name(rulebook, project, room):
        if route.group is None or not (route.match.room or route.match.tag):
            continue
        review, photos = route.group == "review", route.match.photos
        if photos is None or (review if photo_count is None else photo_count in photos):
            return review
    return False


def why_name_held(
    rulebook: Rulebook, project: str, folder: str, photo_counts: Iterable[int | None], *, known: bool
) -> WaitReason:
    """Why a room's folder is held, by its name and its routes alone; falsy where it isn't. `photo_counts` are
    as in `asks_review`, one for each of its sets. `known`: it was made under that name before, so the name is
    not questioned."""
    if any(asks_review(rulebook, project, folder, count) for count in photo_counts):
        return REVIEW_REASON
    return WaitReason() if known else why_misnamed(rulebook, project, folder)


def why_misnamed(rulebook: Rulebook, project: str, folder: str) -> WaitReason:
    """Why a room's folder is held because its own or its project's name ends in what looks like a tag but
    isn't one; falsy where neither does."""
    suggested = (rulebook.tags.corrected(folder), without_again(rulebook.tags.corrected(project)))
    for raw, meant in zip((folder, project), suggested, strict=True):
        if meant:
            return WaitReason(
                f"Did you mean {fully_quoted(meant)}? Only two underscores begin a tag, so {quoted(raw)}"
                " would be made without it",
                f"Rename the folder; or, if it is really called so, {HOW_TO_APPROVE}.",
            )
    return WaitReason()


def why_shapes_held(photos: Sequence[Photo]) -> WaitReason:
    """Why a room of one picture is held: its photos differ in orientation or size, so they can't be merged.
    Falsy where they don't, and for more than MOST_PHOTOS photos, which grouping refuses or splits. Older
    exports of the same photos are ignored."""
    own, _ = without_copies(photos)
    if len({photo.shape for photo in own}) < 2 or len(photos) > MOST_PHOTOS:
        return WaitReason()
    one, *others = sorted(own, key=by_name)
    other = next(photo for photo in others if photo.shape != one.shape)
    return WaitReason(
        f"{one.name} has {pixel_size(one)} pixels and {other.name} {pixel_size(other)}: photos of different"
        " sizes can't be merged into one picture",
        "Export them once more, all at one size, turned alike, and move those of another view into a room's"
        f" folder of their own; or, if all of them belong together as they are, {HOW_TO_APPROVE}.",
    )


def pixel_size(photo: Photo) -> str:
    """Width and height as displayed, such as `6000x4000`."""
    return "{}x{}".format(*photo.shape)
