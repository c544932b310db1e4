"""The YAML file as a tree of nodes, each with its place; and problems, which are told by place.

It is PyYAML's reader with a smaller language: no aliases, no type marks, no octal or base-60 numbers, no
dates, and the names of settings are always text.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from hotfolder.errors import ConfigurationError
from hotfolder.rules.names import shown

LARGEST_FILE_BYTES = 256 * 1024
DEEPEST_LEVEL = 20

INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\Z")
DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}\Z")
NOTHING = {"", "~", "null", "Null", "NULL"}
SURROGATE = re.compile(r"[\ud800-\udfff]")
NO_SPACE = re.compile(r"\s*(?:- +)?(?P<setting>[A-Za-z_]+):(?=[^\s:/])")
"""A line such as `root:photos`. Of `https://…` the colon is no setting's."""

NEIGHBOURS = "this line is indented differently from its neighbours"
SPECIAL = "means something else in YAML; put it in quotes"
BACKSLASH = "a backslash means something else in double quotes; write / instead, or use single quotes"
BRACKET = "a bracket that was opened is never closed, or closed by another kind"
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
    "expected the node content, but found '<stream end>'": BRACKET,
    "expected ',' or": BRACKET,
    "found unknown escape character": BACKSLASH,
    "expected escape sequence": BACKSLASH,
    "found character": "a text can't begin with this sign; put the whole text in quotes",
    "but found another document": "a second YAML document starts here; settings are one document",
}
"""How PyYAML's messages begin, and what is said instead."""

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written: a file with line and column (0: the whole file), or a variable."""

    file: str = ""
    line: int = 0
    column: int = 0
    variable: str = ""

    def __str__(self) -> str:
        if self.variable:
            return self.variable
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    @property
    def order(self) -> tuple[str, int, int]:
        """Sorts the places of the file before the variables."""
        return self.variable, self.line, self.column

    def at(self, line: int, column: int) -> Place:
        """This line and column, counted from 0, in the same file; a variable is one place."""
        return self if self.variable else Place(self.file, line + 1, column + 1)

    def of(self, mark: yaml.Mark) -> Place:
        return self.at(mark.line, mark.column)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, said so that whoever wrote it can put it right."""

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


def refusal(problems: Iterable[Problem]) -> ConfigurationError:
    """One error with one problem a line: those of the file by position, then those of the environment."""
    ordered = sorted(set(problems), key=lambda one: (one.place.order, one.message))
    return ConfigurationError("\n".join(map(str, ordered)))


@dataclass(slots=True)
class Node:
    """A value and where it is written: a dict or a list of nodes, text, a number, a truth, or None.

    `name_place` is where its name stands, for a value in a mapping. `word` marks an unquoted yes, no, on or
    off: text here, and a truth where the setting is one.
    """

    place: Place
    value: object
    name_place: Place | None = None
    word: bool = False

    def below(self, part: str | int) -> Node | None:
        """One value of a mapping or a list, if it is there. One thing alone counts as a list of it."""
        if isinstance(self.value, dict):
            found = self.value.get(part)
            if isinstance(found, Node):
                return found
        elif isinstance(self.value, list):
            return self.value[part] if isinstance(part, int) and part < len(self.value) else None
        return self if part == 0 and self.value is not None else None

    def plain(self) -> object:
        """The value alone."""
        if isinstance(self.value, dict):
            return {name: node.plain() for name, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


Document = tuple[Node, list[Problem]]
"""What a text says, and which names it has twice."""


def read_document(path: Path, *, beginning: bool = False) -> Document:
    """Read and parse a YAML file of settings. Raises ConfigurationError when it isn't one.

    With `beginning`, an error of form ends the document instead.
    """
    file = Place(str(path))
    text = _read_text(path)
    top, problems = parse(text, file, beginning=beginning)
    if top.value is None:
        raise refusal([Problem(file, "the file is empty; it needs at least the line `root: .`")])
    if not isinstance(top.value, dict):
        message = "the file must hold settings, like `root: .`, one a line"
        found = _no_space(file, text.splitlines(), range(1))
        raise refusal([found or Problem(top.place, message)])
    return top, problems


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


class Refused(yaml.MarkedYAMLError):
    """Valid YAML that settings may not hold; `problem` is a sentence."""


class Loader(yaml.SafeLoader):
    """PyYAML's composer, which refuses what could expand, construct or nest without end."""

    top: yaml.Node | None = None
    depth = -1

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.top is None:
            self.top = parent  # so that what comes before an error is known
        event = self.peek_event()  # type: ignore[no-untyped-call]
        anchor = getattr(event, "anchor", None)
        is_name = isinstance(parent, yaml.MappingNode) and index is None
        problem = ""
        if isinstance(event, yaml.AliasEvent):
            problem = f"{shown(f'*{anchor}')} {SPECIAL}"
        elif anchor is not None:
            problem = f"{shown(f'&{anchor}')} {SPECIAL}"
        elif getattr(event, "tag", None) is not None:
            problem = f"what begins with ! {SPECIAL}"
        elif is_name and not isinstance(event, yaml.ScalarEvent):
            problem = "the name of a setting must be plain text"
        elif isinstance(event, yaml.ScalarEvent) and SURROGATE.search(event.value):
            problem = "half a character (a lone surrogate)"
        elif self.depth >= DEEPEST_LEVEL:
            problem = f"nested deeper than {DEEPEST_LEVEL} levels"
        if problem:
            raise Refused(problem=problem, problem_mark=event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def parse(text: str, place: Place, *, beginning: bool = False) -> Document:
    """Parse YAML text that stands at `place`. Raises ConfigurationError, or ends there with `beginning`."""
    loader: Loader | None = None
    problems: list[Problem] = []
    wrong: Problem | None = None
    try:
        loader = Loader(text)
        top = loader.get_single_node()
    except (yaml.YAMLError, RecursionError, ValueError, IndexError) as error:
        top = loader.top if loader is not None else None
        wrong = _syntax_problem(place, text, error)
    node = _node(top, place, problems) if top is not None else Node(place, None)
    if wrong is not None and not beginning:
        raise refusal([*problems, wrong])
    return node, problems


def _node(node: yaml.Node, place: Place, problems: list[Problem]) -> Node:
    here = place.of(node.start_mark)
    if isinstance(node, yaml.SequenceNode):
        return Node(here, [_node(item, place, problems) for item in node.value])
    if isinstance(node, yaml.ScalarNode):
        plain = node.style is None
        word = plain and node.value.lower() in ("yes", "no", "on", "off")
        return Node(here, scalar(node.value) if plain else node.value, word=word)
    found: dict[str, Node] = {}
    for key, item in node.value:
        value = _node(item, place, problems)
        value.name_place = place.of(key.start_mark)
        first = found.setdefault(key.value, value)
        if first is not value and first.name_place is not None:
            line = first.name_place.line
            message = f"{shown(key.value)} is written twice, here and in line {line}; keep one of them"
            problems.append(Problem(value.name_place, message))
    return Node(here, found)


def scalar(text: str) -> object:
    """What an unquoted word means."""
    if text in NOTHING:
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower() == "true"
    if INTEGER.match(text):
        return int(text)
    return float(text) if DECIMAL.match(text) else text


def _syntax_problem(place: Place, text: str, error: Exception) -> Problem:
    if isinstance(error, yaml.reader.ReaderError):
        # The reader checks the text in one piece, so its position counts from the start.
        before = text[: error.position]
        where = place.at(before.count("\n"), len(before) - (before.rfind("\n") + 1))
        return Problem(where, "a control character that YAML doesn't allow")
    if not isinstance(error, yaml.MarkedYAMLError):
        return Problem(place, "this is not valid YAML")
    said, mark, context = error.problem or "", error.problem_mark, error.context_mark
    if mark is None or (context is not None and said == "found unexpected end of stream"):
        mark = context  # where the quote was opened
    if mark is None:
        return Problem(place, "this is not valid YAML")
    if isinstance(error, Refused):
        return Problem(place.of(mark), said)
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    indent = line[: len(line) - len(line.lstrip())]
    if "\t" in indent or line[mark.column : mark.column + 1] == "\t":
        column = indent.index("\t") if "\t" in indent else mark.column
        return Problem(place.at(mark.line, column), "a tab; indent with spaces only")
    message = next((words for start, words in SYNTAX.items() if said.startswith(start)), "")
    first = max(0, min((context or mark).line, mark.line) - 1)
    missing = _no_space(place, lines, range(first, mark.line + 1)) if "colon" in message else None
    return missing or Problem(place.of(mark), message or f"this is not valid YAML: {said}")


def _no_space(place: Place, lines: Sequence[str], numbers: range) -> Problem | None:
    """A colon without a space behind it, in the lines of these numbers."""
    for number in numbers:
        found = NO_SPACE.match(lines[number]) if number < len(lines) else None
        if found is not None:
            message = f"a space is missing after the colon: write `{found['setting']}: …`"
            return Problem(place.at(number, found.end() - 1), message)
    return None
