"""Reads the YAML file, and remembers where everything is written.

A smaller YAML than PyYAML's own: no aliases, no type marks, no octal or base-60 numbers, no dates, and
keys are always text. `yes`, `no`, `on` and `off` stay text here; the settings that are true or false
understand them.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import yaml

from hotfolder.config.problems import KeyPath, Place, Problem, refusal
from hotfolder.errors import ConfigurationError
from hotfolder.rules.nearest import shown

LARGEST_FILE_BYTES = 256 * 1024
DEEPEST_LEVEL = 20

INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\Z")
DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}\Z")
TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
SURROGATE = re.compile(r"[\ud800-\udfff]")
NOTHING = {"", "~", "null", "Null", "NULL"}
NO_SPACE = re.compile(r"\s*(?:- +)?(?P<setting>[A-Za-z_]+):(?=[^\s:/])")
"""A line such as `root:photos`. Of `https://…` the colon is no setting's."""

NEIGHBOURS = "this line is indented differently from its neighbours"
SPECIAL = "means something else in YAML; put it in quotes"
BACKSLASH = "a backslash means something else in double quotes; write / instead, or use single quotes"
SYNTAX = {
    "mapping values are not allowed here": (
        "a colon where none can stand; check the indentation here and in the line above,"
        " or put the text in quotes"
    ),
    "could not find expected ':'": "a colon is missing behind a setting's name, or the indentation is wrong",
    "expected <block end>, but found '<block mapping start>'": NEIGHBOURS,
    "expected <block end>, but found '-'": NEIGHBOURS,
    "expected <block end>, but found '<scalar>'": "unexpected text here; check quotes and indentation",
    "found unexpected end of stream": "a quote that was opened is never closed",
    "found unknown escape character": BACKSLASH,
    "expected escape sequence": BACKSLASH,
    "found character": "a text can't begin with this sign; put the whole text in quotes",
}


class PlainWord(str):
    """A word written without quotes that YAML 1.1 reads as true or false: yes, no, on, off."""

    __slots__ = ()


@dataclass
class Document:
    """What the file says. `values` and `keys` hold the place of every value and of every key, by path."""

    file: str
    data: dict[str, object] = field(default_factory=dict)
    values: dict[KeyPath, Place] = field(default_factory=dict)
    keys: dict[KeyPath, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read_document(path: Path) -> Document:
    """Read and parse a YAML file of settings. Raises ConfigurationError when it isn't one."""
    text = _read_text(path)
    document = Document(file=str(path))
    value = parse_into(document, text)
    if value is None:
        raise refusal([Problem(Place(str(path)), "the file is empty; it needs at least the line `root: .`")])
    if not isinstance(value, dict):
        found = _no_space(str(path), text.splitlines())
        message = "the file must hold settings, like `root: .`, one a line"
        raise refusal([found or Problem(document.values[()], message)])
    document.data = value
    return document


def read_beginning(path: Path) -> Document:
    """What the file says down to its first error of form, if it has one; nothing where it can't be read."""
    document = Document(file=str(path))
    with suppress(ConfigurationError):
        parse_into(document, _read_text(path))
    return document


def parse_into(document: Document, text: str) -> object:
    """Parse YAML text, noting places and duplicate keys in `document`. Raises ConfigurationError."""
    try:
        return Builder(document, text).build()
    except yaml.reader.ReaderError as error:
        # The reader checks the text in one piece, so its position counts from the start.
        before = text[: error.position]
        place = Place(document.file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        raise refusal([Problem(place, "a control character that YAML doesn't allow")]) from None
    except yaml.MarkedYAMLError as error:
        raise refusal([_syntax_problem(document.file, text, error)]) from None
    except (yaml.YAMLError, RecursionError, ValueError, IndexError):
        raise refusal([Problem(Place(document.file), "this is not valid YAML")]) from None


def _read_text(path: Path) -> str:
    def refuse(message: str) -> Exception:
        return refusal([Problem(Place(str(path)), message)])

    try:
        if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe would be waited for, for ever
            raise refuse("this is no file; config.example.yaml shows what goes into one")
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE_BYTES + 1)
    except FileNotFoundError:
        raise refuse("there is no such file; config.example.yaml shows what goes into it") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no usable file name"
        raise refuse(f"the file can't be read: {reason}") from None
    if len(content) > LARGEST_FILE_BYTES:
        raise refuse(f"the file is larger than {LARGEST_FILE_BYTES // 1024} KiB, so it can't be the settings")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise refuse("the file is saved as UTF-16; save it as UTF-8")
    if b"\0" in content:
        raise refuse("the file is not text; settings are YAML text in UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise refuse(f"line {line} is not UTF-8 text; save the file as UTF-8") from None


class Builder:
    """Turns YAML's events into plain values, so that nothing is ever expanded or constructed."""

    def __init__(self, document: Document, text: str) -> None:
        self.document = document
        self.events = iter(yaml.parse(text, Loader=yaml.SafeLoader))

    def build(self) -> object:
        value: object = None
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._refuse(event, "a second YAML document starts here; settings are one document")
                value = self._value(next(self.events), ())
        return value

    def _place(self, event: yaml.Event) -> Place:
        mark = event.start_mark
        return (
            Place(self.document.file, mark.line + 1, mark.column + 1) if mark else Place(self.document.file)
        )

    def _refuse(self, event: yaml.Event, message: str) -> NoReturn:
        raise refusal([*self.document.problems, Problem(self._place(event), message)])

    def _value(self, event: yaml.Event, path: KeyPath) -> object:
        assert isinstance(event, yaml.NodeEvent)
        if isinstance(event, yaml.AliasEvent):
            self._refuse(event, f"{shown(f'*{event.anchor}')} {SPECIAL}")
        if event.anchor is not None:
            self._refuse(event, f"{shown(f'&{event.anchor}')} {SPECIAL}")
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        if event.tag is not None:
            self._refuse(event, f"what begins with ! {SPECIAL}")
        if len(path) > DEEPEST_LEVEL:
            self._refuse(event, f"nested deeper than {DEEPEST_LEVEL} levels")
        self.document.values[path] = self._place(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        assert isinstance(event, yaml.ScalarEvent)
        if SURROGATE.search(event.value):
            self._refuse(event, "half a character (a lone surrogate)")
        return scalar(event.value) if event.implicit[0] else event.value

    def _sequence(self, path: KeyPath) -> list[object]:
        items: list[object] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, path: KeyPath) -> dict[str, object]:
        found: dict[str, object] = {}
        if not path:
            self.document.data = found  # so that what comes before an error is known
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if (
                not isinstance(event, yaml.ScalarEvent)
                or event.anchor
                or event.tag
                or SURROGATE.search(event.value)
            ):
                self._refuse(event, "the name of a setting must be plain text")
            key, place = event.value, self._place(event)
            here = (*path, key)
            if key in found:
                first = self.document.keys[here].line
                message = f"{shown(key)} is written twice, here and in line {first}; keep one of them"
                self.document.problems.append(Problem(place, message))
                # Read on under a path of its own, so that the first one's places stay.
                self._value(next(self.events), (*path, f"{key}\0{place.line}:{place.column}"))
                continue
            self.document.keys[here] = place
            found[key] = self._value(next(self.events), here)
        return found


def scalar(text: str) -> object:
    """What an unquoted word means."""
    if text in NOTHING:
        return None
    if text in TRUTHS:
        return TRUTHS[text]
    if text.lower() in ("yes", "no", "on", "off"):
        return PlainWord(text)
    if INTEGER.match(text):
        return int(text)
    return float(text) if DECIMAL.match(text) else text


def _syntax_problem(file: str, text: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    if error.problem == "found unexpected end of stream":
        mark = error.context_mark or mark
    if mark is None:
        return Problem(Place(file), "this is not valid YAML")
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    indent = line[: len(line) - len(line.lstrip())]
    if "\t" in indent or line[mark.column : mark.column + 1] == "\t":
        column = indent.index("\t") if "\t" in indent else mark.column
        return Problem(Place(file, mark.line + 1, column + 1), "a tab; indent with spaces only")
    context = error.context_mark.line if error.context_mark else mark.line
    missing = _no_space(file, lines, max(0, min(context, mark.line) - 1), mark.line + 1)
    if missing is not None and "colon" in _in_words(error.problem):
        return missing
    return Problem(Place(file, mark.line + 1, mark.column + 1), _in_words(error.problem))


def _in_words(said: str | None) -> str:
    """The parser's finding for people."""
    known = next((words for start, words in SYNTAX.items() if (said or "").startswith(start)), "")
    return known or f"this is not valid YAML: {said or 'unknown trouble'}"


def _no_space(file: str, lines: Sequence[str], first: int = 0, behind: int = 1) -> Problem | None:
    """A colon without a space behind it, in the lines from `first` to before `behind`."""
    for number in range(first, min(behind, len(lines))):
        found = NO_SPACE.match(lines[number])
        if found is not None:
            message = f"a space is missing after the colon: write `{found['setting']}: …`"
            return Problem(Place(file, number + 1, found.end()), message)
    return None
