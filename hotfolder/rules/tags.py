"""Tags in folder names: one table of those built in (from the API's vocabulary) and the studio's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cache

from hotfolder.errors import RuleRefused
from hotfolder.rules.foldernames import (
    AGAIN,
    COPY_SUFFIX,
    OK,
    TAG_MARK,
    fully_quoted,
    nearest,
    normal,
    quoted,
    split_name,
)
from hotfolder.rules.kinds import FAMILIES
from hotfolder.stager.operations import Operation

TAG_JOINTS = re.compile(r"[\s_,;+&\uff3f\u2010-\u2015\uff0d-]+")
"""Separators that people write in place of two underscores."""
MIN_SIMILARITY = 0.85


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag: its full spelling and its operations. `again` and `ok` have none."""

    name: str
    operations: tuple[Operation, ...] = ()


@cache
def built_in_tags() -> Mapping[str, Tag]:
    """Every built-in tag by its normal spelling."""
    made = (Tag(name, (one,)) for family in FAMILIES.values() for name, one in family.tags.items())
    return {normal(tag.name): tag for tag in (Tag(AGAIN), Tag(OK), *made)}


@dataclass(frozen=True)
class TagTable:
    """The built-in tags and the studio's own (name → operations), none of which is spelt as a built-in
    one."""

    own: Mapping[str, tuple[Operation, ...]] = field(default_factory=dict)

    def find(self, typed: str) -> Tag | None:
        """The tag whose `normal` spelling equals that of `typed`, or None."""
        own = {normal(name): Tag(name, operations) for name, operations in self.own.items()}
        return own.get(normal(typed)) or built_in_tags().get(normal(typed))

    def nearest(self, typed: str, *, project: bool = False) -> str | None:
        """The name of the tag that was probably meant, of a `project`'s folder or a room's; None where
        nothing is similar, and where `typed` names a family alone, such as `stage`."""
        if family_of(typed):
            return None
        for family in FAMILIES.values():
            for meant, words in family.misspellings.items():
                if normal(typed) in map(normal, words.split(", ")):
                    return meant
        names = [*self.own, *(tag.name for tag in built_in_tags().values())]
        return nearest(typed, [name for name in names if not (project and name == AGAIN)])

    def suggestion(self, typed: str, *, project: bool = False) -> str:
        """What to type in place of a tag that doesn't exist, for people; "" where nothing is similar."""
        guess, family = self.nearest(typed, project=project), family_of(typed)
        if family:
            return f"add {FAMILIES[family].missing_part}, such as {quoted(FAMILIES[family].example)}"
        return f"did you mean {quoted(guess)}?" if guess else ""

    def lines(self) -> tuple[str, ...]:
        """All tags except `ok`, for people: a line for each family."""
        return (
            *(line for family in FAMILIES.values() for line in family.tag_lines),
            *([", ".join(self.own)] if self.own else []),
            f"{AGAIN} (makes all of it anew, and pays again)",
        )

    def corrected(self, name: str) -> str:
        """`name` corrected where it ends in what looks like a tag but lacks the two underscores, as in
        `kitchen_sky-twilight` or `kitchen - sky blue`; "" where it doesn't."""
        found = self._split_off_tag(split_name(name).name)
        if not found:
            return ""
        room, tag = found
        head = self.corrected(room) or room
        return TAG_MARK.join((head, tag, *split_name(name).tags))

    def split_joined(self, typed: str) -> Sequence[str]:
        """Split several tags typed as one, as in `sky-blue_lawn-light` or `sky-blue, lawn-light`, into their
        names; none where it is anything else."""
        tags = [self.find(part) for part in self.corrected(typed).split(TAG_MARK)]
        return [tag.name for tag in tags if tag] if all(tags) else []

    def _split_off_tag(self, name: str) -> tuple[str, str] | None:
        """Split a name that ends in a tag into the rest and the tag's full name; the longest tag wins. None
        where it ends in none."""
        for joint in TAG_JOINTS.finditer(name):
            room, tail = name[: joint.start()].strip(), name[joint.end() :]
            if not room or not tail:
                continue
            tag = self.find(tail)
            if tag is None and any(normal(tail).startswith(family) for family in FAMILIES):
                guess = self.nearest(tail)
                near = guess and SequenceMatcher(None, normal(tail), normal(guess)).ratio() >= MIN_SIMILARITY
                tag = self.find(guess) if guess and near else None
            if tag is None:
                continue
            # No room has the name of a built-in tag with operations.
            alters = tag.operations and tag.name not in self.own
            if alters or set("_\uff3f") & set(joint.group()):
                return room, tag.name
        return None

    def read(self, typed: Sequence[str], folder: str, *, project: bool = False) -> tuple[Tag, ...]:
        """The tags of one folder's name, a room's or a project's, each once, left to right.

        Raises RuleRefused for a tag that doesn't exist, for two that contradict each other, and for an own
        tag at the name's end that is spelt like the suffix of a copy.
        """
        self._refuse_copy_or_tag(typed, folder, project)
        found = {text: self.find(text) for text in typed}
        wrong = [text for text, tag in found.items() if tag is None]
        if wrong:
            raise self._unknown(wrong, folder, project)
        tags: list[Tag] = []
        for tag in filter(None, found.values()):
            for earlier in tags:
                _refuse_contradiction(earlier, tag, folder)
            if not any(earlier.name == tag.name for earlier in tags):
                tags.append(tag)
        return tuple(tags)

    def _refuse_copy_or_tag(self, typed: Sequence[str], folder: str, project: bool) -> None:
        """Refuse `kitchen__look 2` where a tag `look-2` exists: it may be a copy of `kitchen__look`, too."""
        _, mark, end = folder.rpartition(TAG_MARK)
        meant = self.find(end) or self.find(COPY_SUFFIX.sub("", end)) if mark and typed else None
        if meant is None or meant.name not in self.own or normal(typed[-1]) == normal(meant.name):
            return
        names = [with_tag_replaced(folder, typed[-1], "-".join(meant.name.split()))]
        if self.find(typed[-1]):
            names.append(TAG_MARK.join((split_name(folder).name, *typed)))
        raise RuleRefused(
            f"The end of the folder name {quoted(folder)} may be the tag {quoted(meant.name)} or what a"
            " computer adds to a copy.",
            hint=_renaming(names, project),
        )

    def _unknown(self, wrong: Sequence[str], folder: str, project: bool) -> RuleRefused:
        """The refusal of the tags in the folder's name that don't exist."""
        said = [f"Unknown tag {quoted(wrong[0])} in the folder name {quoted(folder)}"]
        said += [f"{quoted(typed)} is unknown, too" for typed in wrong[1:]]
        joined = {
            typed: TAG_MARK.join(one for one in self.split_joined(typed) if not (project and one == AGAIN))
            for typed in wrong
        }
        cures = [
            f"did you mean {quoted(joined[typed])}?"
            if joined[typed]
            else self.suggestion(typed, project=project)
            for typed in wrong
        ]
        sentences = ("; ".join(filter(None, told)) for told in zip(said, cures, strict=True))
        message = " ".join(one if one.endswith("?") else f"{one}." for one in sentences)
        if not all(cures):
            hint = "Rename the folder so that every part after two underscores is a tag, then drag it back."
            for begins, near in FAMILIES.items():
                if normal(wrong[cures.index("")]).startswith(begins):
                    hint = f"Rename the folder, with {near.choice}, then drag it back."
            return RuleRefused(message, hint=hint, also=self.lines())
        meant = folder
        for typed in wrong:
            guess = (
                joined[typed] or self.nearest(typed, project=project) or FAMILIES[family_of(typed)].example
            )
            meant = with_tag_replaced(meant, typed, guess)
        return RuleRefused(message, hint=_renaming([meant], project), also=self.lines())


def _renaming(names: Iterable[str], project: bool) -> str:
    """The hint to give a room's folder, or its project's, one of these names."""
    meant = " or ".join(map(fully_quoted, names))
    if project:
        return f"Rename the project's folder in the inbox to {meant}, then drag this folder back into it."
    return f"Rename it to {meant}, then drag it back."


def family_of(typed: str) -> str:
    """The family that `typed` names without one of its tags, as `stage` or `grass` do; "" where none."""
    wanted = normal(typed)
    for name, family in FAMILIES.items():
        if wanted in map(normal, (name, *family.misspellings.get(name, name).split(", "))):
            return name
    return ""


def with_tag_replaced(folder: str, typed: str, tag: str) -> str:
    """The folder's name with the tag `typed` replaced by `tag`."""
    name, tags = split_name(folder).name, split_name(folder).tags
    return TAG_MARK.join((name, *(tag if one == typed else one for one in tags)))


def _refuse_contradiction(earlier: Tag, later: Tag, folder: str) -> None:
    for first in earlier.operations:
        for second in later.operations:
            if first.kind == second.kind and first != second:
                kind = FAMILIES[first.kind].display_name
                raise RuleRefused(
                    f"The tags {quoted(earlier.name)} and {quoted(later.name)} in the folder name"
                    f" {quoted(folder)} contradict each other: a picture gets one {kind} operation.",
                    hint="Rename the folder so that only one of the two is left, then drag it back.",
                )


def merged_operations(tags: Iterable[Tag]) -> tuple[Operation, ...]:
    """The operations of a folder's tags, left to right, without duplicates; one of each kind, provided that
    `read` has refused contradictions."""
    operations: list[Operation] = []
    for tag in tags:
        operations += [one for one in tag.operations if one not in operations]
    return tuple(operations)
