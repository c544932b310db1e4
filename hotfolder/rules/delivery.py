"""Delivery: name templates, renditions, and what happens to the originals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from hotfolder.display import visible
from hotfolder.metadata.blocks import Level
from hotfolder.rules.foldernames import nearest, quoted
from hotfolder.stager.operations import Frozen

LEAST_QUALITY = 30
"""The lowest JPEG quality: a rendition that is still too large at it is not made."""
UNITS = {"": 1, "b": 1, "k": 10**3, "m": 10**6, "g": 10**9, "kb": 10**3, "mb": 10**6, "gb": 10**9}
UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "bytes": 1}
SIZE = re.compile(r"(\d{1,15}(?:\.\d+)?)\s*([a-z]*)", re.IGNORECASE)
NAME = re.compile(r"[^\W_]+(?:[-_ ][^\W_]+)*")
LONGEST_NAME = 40
GALLERY = "gallery"
"""The folder of a project's gallery, beside its pictures."""
LABELLED = "labelled"
"""The name of the rendition with the label in its pixels."""
RESERVED_NAMES = ("originals", "receipts", GALLERY, LABELLED)
DRAWABLE_TEXT = re.compile(r"[ -~\u00a0-\u024f\u0370-\u03ff\u0400-\u052f\u2010-\u2027\u20ac]*")
"""The characters that can be drawn: Latin, Greek and Cyrillic letters, digits and punctuation."""


def size_in_bytes(value: object) -> object:
    """Parse a size like `10MB` into bytes; other types than text are unchanged. Raises ValueError."""
    if not isinstance(value, str):
        return value
    found = SIZE.fullmatch(value.strip())
    unit = UNITS.get(found.group(2).lower()) if found else None
    if found is None or unit is None:
        message = f"{quoted(value)} is no size; write bytes, or a number with KB, MB or GB, such as 10MB"
        raise ValueError(message)
    return int(float(found.group(1)) * unit)


Size = Annotated[
    int,
    BeforeValidator(size_in_bytes, json_schema_input_type=int | str),
    Field(strict=True, ge=20_000, le=10**10),
]


class Rendition(Frozen):
    """One further file of every delivered picture: sRGB, with the picture's metadata."""

    format: Literal["jpeg"] = "jpeg"
    """jpeg."""
    quality: Annotated[int, Field(strict=True, ge=LEAST_QUALITY, le=100)] = 90
    """The quality of the JPEG; lowered as far as max_bytes makes it necessary."""
    long_edge: Annotated[int, Field(strict=True, ge=16, le=65_500)] | None = None
    """The longer side in pixels; left out: as it is. Never made larger."""
    max_bytes: Size | None = None
    """The most that the file may have: bytes, or such as 10MB. Left out: no limit."""

    def __str__(self) -> str:
        parts = [f"JPEG, quality {self.quality}"]
        parts += [f"longer side {self.long_edge}"] if self.long_edge else []
        parts += [f"at most {self.max_bytes / 10**6:g} MB"] if self.max_bytes else []
        return ", ".join(parts)


def check_names(names: Iterable[str], noun: str, alike: str) -> None:
    """Raise ValueError for an invalid name, and for two names that differ only in case. `noun` is the thing
    named; `alike` says, for the message, what two such names would cause (as in "would share a folder")."""
    spelt: dict[str, str] = {}
    for name in names:
        if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
            raise ValueError(
                f"{quoted(name)} is no name for a {noun}; use letters, digits and single hyphens"
            )
        other = spelt.setdefault(name.casefold(), name)
        if other != name:
            raise ValueError(
                f"the {noun}s {quoted(other)} and {quoted(name)} would {alike}; rename one of them"
            )


def _checked_renditions(renditions: Mapping[str, Rendition]) -> Mapping[str, Rendition]:
    check_names(renditions, "rendition", "share a folder")
    for name in renditions:
        if name.casefold() in RESERVED_NAMES:
            raise ValueError(f"{quoted(name)} is the name of another folder there; rename the rendition")
    return renditions


BUILT_IN_RENDITIONS = {
    "mls-2048": Rendition(quality=90, long_edge=2048),
    "web-1280": Rendition(quality=82, long_edge=1280),
}
"""Built-in renditions, which settings can use by name alone."""


def _with_built_in(value: object) -> object:
    """Resolve built-in names: in a list of names, and in a mapping where a name has no value. Raises
    ValueError for an unknown name in a list."""
    if isinstance(value, str):
        value = [value]
    named = isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)
    if named and isinstance(value, list | tuple):
        unknown = next((name for name in value if name not in BUILT_IN_RENDITIONS), None)
        if unknown is not None:
            guess = nearest(unknown, BUILT_IN_RENDITIONS)
            meant = f'; did you mean "{guess}"?' if guess else "."
            message = f"{quoted(unknown)} is no rendition that need not be defined{meant} There are:"
            message += f" {', '.join(BUILT_IN_RENDITIONS)}."
            message += f" Define others with `{visible(unknown)}: {{long_edge: 2048}}`"
            raise ValueError(message)
        return {name: BUILT_IN_RENDITIONS[name] for name in value}
    if isinstance(value, dict):
        return {name: BUILT_IN_RENDITIONS.get(name) if one is None else one for name, one in value.items()}
    return value


Renditions = Annotated[
    dict[str, Rendition],
    BeforeValidator(_with_built_in, json_schema_input_type=dict[str, Rendition | None] | list[str]),
    AfterValidator(_checked_renditions),
]


def _checked_label(text: str) -> str:
    unknown = DRAWABLE_TEXT.sub("", text)
    if unknown:
        message = f"{quoted(unknown[0])} can't be drawn in a label; use Latin, Greek or Cyrillic letters"
        raise ValueError(message)
    return text


Label = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80), AfterValidator(_checked_label)
]


FIELDS = ("project", "room", "set", "tags", "variant", "date", "seq")
DISTINGUISHING_FIELDS = ("room", "set", "seq")
USUAL_NAME = "{room}__{tags}"
FIELD = re.compile(r"\{([^{}]*)\}")
SEPARATORS = " _-.,+"
BRACKETS = {"(": ")", "[": "]"}
FORBIDDEN_CHARACTERS = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')


def checked_template(text: str) -> str:
    """The name template, unchanged. Raises ValueError for unknown fields, unpaired braces, characters that no
    file's name can have, and a template without any of DISTINGUISHING_FIELDS."""
    allowed = ", ".join(f"{{{name}}}" for name in FIELDS)
    fields, literal = FIELD.findall(text), FIELD.sub("", text)
    unknown = next((field for field in fields if field not in FIELDS), None)
    found, message = FORBIDDEN_CHARACTERS.search(literal), ""
    if unknown is not None:
        guess = nearest(unknown, FIELDS)
        meant = f'; did you mean "{{{guess}}}"?' if guess else "."
        message = f"unknown field {quoted(f'{{{unknown}}}')} in a name{meant} Allowed: {allowed}"
    elif "{" in literal or "}" in literal:
        message = f"a brace in the name {quoted(text)} has no partner; fields are {allowed}"
    elif found:
        message = f"{quoted(found.group())} can't be part of a file's name; folders are chosen with `folders`"
    elif not set(fields) & set(DISTINGUISHING_FIELDS):
        message = (
            f"the name {quoted(text)} holds neither {{room}} nor {{set}} nor {{seq}}, so all rooms of a"
            " project would have the same one"
        )
    if message:
        raise ValueError(message)
    return text


Template = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=120),
    AfterValidator(checked_template),
]


Folders = Literal["flat", "room"]
"""Where in a project's folder its pictures lie: all together, or in a folder for each room."""


class Originals(StrEnum):
    """What becomes of the photos of a finished set. Files that only travel with them are never deleted."""

    KEEP = "keep"
    ARCHIVE = "archive"
    DELETE = "delete"


class Delivery(Frozen):
    """What is delivered of a set."""

    name: Template = USUAL_NAME
    """What the pictures are called, with {project}, {room}, {set}, {tags}, {variant}, {date} and {seq}."""
    folders: Folders = "flat"
    """flat: a project's pictures lie together; room: in a folder for each room."""
    renditions: Renditions = Field(default={})
    """Further files of every picture, by name, each in a folder of that name; mls-2048 and web-1280 need only
    be named."""
    metadata: Level = Level.ALL
    """How much of the photo's metadata the pictures get: all, copyright (who made it and whose it is) or
    none."""
    originals: Originals = Originals.KEEP
    """What becomes of a finished set's originals: keep (in done, beside the pictures), archive (moved to the
    folder `archive`), or delete (for good, once the pictures are in done and verified, one of them
    unaltered)."""
    label: Label | None = None
    """What is burnt into a rendition of its own, `labelled`, of every altered picture, such as Virtually
    staged; left out: there is none."""
    gallery: Annotated[bool, Field(strict=True)] = False
    """Whether the project's gallery is made anew after each finished set."""

    def template(self, *, altered: bool, variant: bool = False) -> str:
        """The template of a picture's name. For an altered picture it always has {tags}, or {variant} for a
        variant, so that the name never equals that of the unaltered picture."""
        told = "{tags}" in self.name or (variant and "{variant}" in self.name)
        return self.name if told or not altered else self.name + "__{tags}"


def fill_template(template: str, values: Mapping[str, str]) -> str:
    """Replace the template's fields by their values, and drop separators and brackets around empty ones."""
    text = ""
    position = 0
    closing = ""
    for field in FIELD.finditer(template):
        literal = _without_orphaned_separators(template[position : field.start()], text, closing)
        position, closing = field.end(), ""
        value = values[field.group(1)]
        if not value:
            if literal.endswith(tuple(BRACKETS)):
                closing = BRACKETS[literal[-1]]
                literal = literal[:-1]
            literal = literal.rstrip(SEPARATORS)
        text += literal + value
    return text + _without_orphaned_separators(template[position:], text, closing)


def _without_orphaned_separators(literal: str, before: str, closing: str) -> str:
    """A template's text between two fields, without the `closing` bracket of an empty field before it, and
    without separators where the name has nothing `before` them."""
    literal = literal.removeprefix(closing)
    return literal if before else literal.lstrip(SEPARATORS)


Days = Annotated[float, Field(strict=True, ge=1, le=36500)]


class Keep(Frozen):
    """For how many days things are kept. What goes is read and compared first."""

    originals_days: Days | None = None
    """Days that a finished set's originals stay in done; left out: for ever. They go only where its pictures,
    an unaltered one among them, and its receipt lie there unchanged."""
    receipts_days: Days | None = None
    """Days that a finished set's receipt stays in done; left out: for ever. It outlives its originals where
    those are to go."""
    results_days: Days | None = 30
    """Days that a bought result is kept in the state folder, so that the same photos dropped again need no
    download; left out: 30. Those of sets that are not done stay, or whose pictures are not in done as they
    were delivered."""
    records_days: Days | None = None
    """Days that a project's records stay in the job store after its last set was done: their stories, and the
    hashes that `hotfolder verify` compares with; left out: for ever. Files that are to go by the settings
    above go first; what was paid for is remembered on."""
