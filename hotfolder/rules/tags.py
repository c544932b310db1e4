"""Tags: what a folder's name can ask for. One table, built from the API's own words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cache

from hotfolder.errors import RuleRefused
from hotfolder.rules.foldernames import OK, TAG_MARK, nearest, normal, shown, split_name
from hotfolder.rules.kinds import FAMILIES
from hotfolder.stager.operations import Operation

AGAIN = "again"
COMMON_WORDS = {"again": "redo, anew, once-more, repeat, retry", "ok": "okay, approve, approved, ready"}
"""What people write in place of the tags that are no operation's."""


JOINED = re.compile(r"[\s_\u2010-\u2015-]+")
"""What people write in place of two underscores."""
NEARLY = 0.85


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag by its full spelling, and what it does. `again` and `ok` do nothing to the picture."""

    name: str
    operations: tuple[Operation, ...] = ()


@cache
def built_in_tags() -> Mapping[str, Tag]:
    """Every built-in tag by its normal spelling."""
    made = (Tag(name, (one,)) for family in FAMILIES.values() for name, one in family.tags.items())
    return {normal(tag.name): tag for tag in (Tag(AGAIN), Tag(OK), *made)}


@dataclass(frozen=True)
class TagTable:
    """The built-in tags and the studio's own (name → operations), which may not shadow a built-in one."""

    own: Mapping[str, tuple[Operation, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.own:
            if not normal(name) or normal(name) in built_in_tags():
                raise ValueError(f"the own tag {shown(name)} is empty or shadows a built-in one")

    def find(self, typed: str) -> Tag | None:
        """The tag that was typed, in whatever spelling, or None."""
        wanted = normal(typed)
        for name, operations in self.own.items():
            if normal(name) == wanted:
                return Tag(name, operations)
        return built_in_tags().get(wanted)

    def nearest(self, typed: str) -> str | None:
        """The tag that was probably meant; what names a family alone, such as `stage`, is near to none."""
        if family_of(typed):
            return None
        for said in (*(family.words for family in FAMILIES.values()), COMMON_WORDS):
            for meant, words in said.items():
                if normal(typed) in map(normal, words.split(", ")):
                    return meant
        return nearest(typed, [*self.own, *(tag.name for tag in built_in_tags().values())])

    def cure(self, typed: str) -> str:
        """What may have been meant by a tag that doesn't exist; "" where nothing is near."""
        guess, family = self.nearest(typed), family_of(typed)
        if family:
            return f"add {FAMILIES[family].lacking}, such as {shown(FAMILIES[family].example)}"
        return f"did you mean {shown(guess)}?" if guess else ""

    def families(self) -> tuple[str, ...]:
        """Every tag that says what is to be made, for people: a line for each family."""
        return (
            *(line for family in FAMILIES.values() for line in family.lines),
            *([", ".join(self.own)] if self.own else []),
            f"{AGAIN} (makes all of it anew, and pays again)",
        )

    def meant(self, name: str) -> str:
        """`name` with two underscores before what looks like a tag at its end and isn't one, as in
        `kitchen_sky-twilight` or `kitchen - sky blue`; "" where nothing looks so."""
        found = self._cut(split_name(name).name)
        if not found:
            return ""
        room, tag = found
        head = self.meant(room) or room
        return TAG_MARK.join((head, tag, *split_name(name).tags))

    def _cut(self, name: str) -> tuple[str, str] | None:
        """A name that ends in a tag: what is before it, and the tag. The longest such tag counts."""
        for joint in JOINED.finditer(name):
            room, tail = name[: joint.start()].strip(), name[joint.end() :]
            if not room or not tail:
                continue
            tag = self.find(tail)
            if tag is None and any(normal(tail).startswith(family) for family in FAMILIES):
                guess = self.nearest(tail)
                near = guess and SequenceMatcher(None, normal(tail), normal(guess)).ratio() >= NEARLY
                tag = self.find(guess) if guess and near else None
            if tag is not None and (_alters(tag, self) or "_" in joint.group()):
                return room, tag.name
        return None

    def read(self, typed: Iterable[str], folder: str, *, project: bool = False) -> tuple[Tag, ...]:
        """The tags of one folder's name, a room's or a project's, each once, left to right.

        Raises RuleRefused for a tag that doesn't exist, and for two that contradict each other.
        """
        tags: list[Tag] = []
        for text in typed:
            tag = self.find(text)
            if tag is None:
                raise self._unknown(text, folder, project)
            for earlier in tags:
                _refuse_contradiction(earlier, tag, folder)
            if not any(earlier.name == tag.name for earlier in tags):
                tags.append(tag)
        return tuple(tags)

    def _unknown(self, typed: str, folder: str, project: bool) -> RuleRefused:
        guess, family = self.nearest(typed), family_of(typed)
        unknown = f"Unknown tag {shown(typed)} in the folder name {shown(folder)}"
        if not (guess or family):
            hint = "Rename the folder so that every part after two underscores is a tag, then drag it back."
            for begins, near in FAMILIES.items():
                if normal(typed).startswith(begins):
                    hint = f"Rename the folder, with {near.choice}, then drag it back."
            return RuleRefused(f"{unknown}.", hint=hint, also=self.families())
        meant = f"{self.cure(typed)}{'.' if family else ''}"
        name = shown(renamed(folder, typed, guess or FAMILIES[family].example))
        hint = f"Rename it to {name}, then drag it back."
        if project:
            hint = f"Rename the project's folder in the inbox to {name}, then drag this folder back into it."
        return RuleRefused(f"{unknown}; {meant}", hint=hint, also=self.families())


def family_of(typed: str) -> str:
    """The family of tags that was named without saying which of its tags; "" where it is none."""
    wanted = normal(typed)
    for name, family in FAMILIES.items():
        if wanted in map(normal, (name, *family.words.get(name, name).split(", "))):
            return name
    return ""


def renamed(folder: str, typed: str, tag: str) -> str:
    """The folder's name with `tag` in the place of what was typed."""
    name, tags = split_name(folder).name, split_name(folder).tags
    return TAG_MARK.join((name, *(tag if one == typed else one for one in tags)))


def _alters(tag: Tag, table: TagTable) -> bool:
    """Whether it is one of the tags that no room is called like."""
    return bool(tag.operations) and tag.name not in table.own


def _refuse_contradiction(earlier: Tag, later: Tag, folder: str) -> None:
    for first in earlier.operations:
        for second in later.operations:
            if first.kind == second.kind and first != second:
                raise RuleRefused(
                    f"The tags {shown(earlier.name)} and {shown(later.name)} in the folder name"
                    f" {shown(folder)} contradict each other: a picture gets one {first.kind} operation.",
                    hint="Rename the folder so that only one of the two is left, then drag it back.",
                )


def merged_operations(tags: Iterable[Tag]) -> tuple[Operation, ...]:
    """What a folder's tags do, left to right; one of each kind, since contradictions were refused."""
    operations: list[Operation] = []
    for tag in tags:
        operations += [one for one in tag.operations if one not in operations]
    return tuple(operations)
