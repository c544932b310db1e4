"""Parsing of the YAML file into plain values with their positions, and problems with a position.

It uses PyYAML's reader for a subset of YAML: no aliases, no tags (type marks), no octal or base-60 numbers,
no dates, and the names of settings are always text.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hotfolder.errors import CommandHint, ConfigurationError
from hotfolder.paths import exists, is_dir, is_file
from hotfolder.rules.foldernames import quoted

LARGEST_FILE_BYTES = 256 * 1024
DEEPEST_LEVEL = 20

INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\Z")
DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}\Z")
NOTHING = {"", "~", "null", "Null", "NULL"}
SURROGATE = re.compile(r"[\ud800-\udfff]")
NO_SPACE = re.compile(r"\s*(?:- +)?(?P<setting>[A-Za-z_]+):(?=[^\s:/])")
"""A line such as `root:photos`, but not `https://…`."""

UNEXPECTED = "unexpected text here; check quotes and indentation"
SIGN = "a text can't begin with this sign; put the whole text in quotes"
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
    "expected <block end>, but found '<block": NEIGHBOURS,
    "expected <block end>, but found '-'": NEIGHBOURS,
    "expected <block end>, but found '?'": NEIGHBOURS,
    "expected '<document start>'": NEIGHBOURS,
    "expected <block end>": UNEXPECTED,
    "mapping keys are not allowed here": UNEXPECTED,
    "sequence entries are not allowed here": UNEXPECTED,
    "found unexpected end of stream": "a quote that was opened is never closed",
    "expected the node content, but found '<stream end>'": BRACKET,
    "expected ',' or": BRACKET,
    "expected the node content": SIGN,
    "expected alphabetic or numeric character": SIGN,
    "expected chomping or indentation indicators": SIGN,
    "expected a comment or a line break": SIGN,
    "expected ' '": SIGN,
    "found unknown escape character": BACKSLASH,
    "expected escape sequence": BACKSLASH,
    "found character": SIGN,
    "but found another document": "a second YAML document starts here; settings are one document",
}
"""Our messages, by the beginnings of PyYAML's."""

NAME_IT = CommandHint("Name it with --config, or in HOTFOLDER_CONFIG; `hotfolder init` writes a first one.")
INSTALLED = Path("/etc/hotfolder/config.yaml")
"""The configuration that `hotfolder init` writes."""
THE_INSTALLED = CommandHint(f"The installed one is {INSTALLED}: add `--config {INSTALLED}`.")

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Position:
    """A position: a file with line and column from 1 (0: the whole file), or an environment variable."""

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
        """The sort key, with positions in the file before variables."""
        return self.variable, self.line, self.column

    def at(self, line: int, column: int) -> Position:
        """The position of this line and column, counted from 0, in the same file; a variable itself."""
        return self if self.variable else Position(self.file, line + 1, column + 1)

    def of(self, mark: yaml.Mark) -> Position:
        return self.at(mark.line, mark.column)


@dataclass(frozen=True, slots=True)
class Problem:
    """One error or warning, with a message that says how to correct it."""

    position: Position
    message: str

    def __str__(self) -> str:
        return f"{self.position}: {self.message}"


def configuration_error(problems: Iterable[Problem]) -> ConfigurationError:
    """One error with one problem a line and without duplicates: first the file's, by position, then the
    environment's."""
    ordered = sorted(set(problems), key=lambda one: (one.position.order, one.message))
    return ConfigurationError("\n".join(map(str, ordered)))


class Document:
    """A parsed document: `data` as plain values, and the positions of all values and names.

    `positions` and `names` have the positions of values and of their names, by path. `syntax_problem` is the
    syntax error that ended the parsing; `data` is then the part before it. `problems` are duplicate names and
    invalid variables; `warnings` are settings without effect.
    """

    def __init__(self, position: Position) -> None:
        self.data: Any = None
        self.syntax_problem: Problem | None = None
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.positions: dict[KeyPath, Position] = {(): position}
        self.names: dict[KeyPath, Position] = {(): position}

    def set_position(self, path: KeyPath, position: Position, of_name: Position | None = None) -> None:
        """Record the position of the value at `path`, and of its name if it has one."""
        self.positions[path] = position
        self.names[path] = of_name or position

    def replace_at(self, path: KeyPath, other: Document) -> None:
        """Replace the value at `path` by another document's data, with that document's position for all of
        it. Sections on the way are created, and replace other values."""
        position = other.position(())
        section = self.data = self.data if isinstance(self.data, dict) else {}
        for depth, part in enumerate(path[:-1], start=1):
            if not isinstance(section.get(part), dict):
                section[part] = {}
                self.set_position(path[:depth], position)
            section = section[part]
        section[path[-1]] = other.data
        self.positions = {known: at for known, at in self.positions.items() if known[: len(path)] != path}
        self.set_position(path, position)

    def _find(self, path: KeyPath) -> tuple[int, KeyPath, Any]:
        """The length of the longest existing prefix of `path`, the prefix's actual path, and its value. A
        single value counts as a list of it, so that index 0 is skipped."""
        value: Any = self.data
        written: KeyPath = ()
        for count, part in enumerate(path):
            listed = isinstance(value, list) and isinstance(part, int) and part < len(value)
            if listed or (isinstance(value, dict) and part in value):
                value, written = value[part], (*written, part)
            elif part != 0 or value is None or isinstance(value, list):
                return count, written, value
        return len(path), written, value

    def at(self, path: KeyPath) -> Any:
        """The value at a path, None where there is none."""
        count, _, value = self._find(path)
        return value if count == len(path) else None

    def known_prefix(self, path: KeyPath) -> KeyPath:
        """The longest prefix of `path` that exists."""
        return path[: self._find(path)[0]]

    def position(self, path: KeyPath, *, of_name: bool = False) -> Position:
        """The position of the value (or the name) at `path`; for a missing one that of its nearest parent."""
        count, written, _ = self._find(path)
        while written not in self.positions:
            written = written[:-1]
        return (self.names if of_name and count == len(path) else self.positions)[written]

    def later_position(self, *paths: KeyPath) -> Position:
        """The last of the positions of several settings, ignoring missing ones."""
        written = [path for path in paths if self.known_prefix(path) == path]
        return max((self.position(path) for path in written or [()]), key=lambda position: position.order)


def read_document(path: Path) -> Document:
    """Read and parse a settings file. Raises ConfigurationError where it can't be read, is empty, or isn't a
    mapping; a syntax error is in the result's `syntax_problem` instead."""
    file = Position(str(path))
    text = _read_text(path)
    document = parse(text, file)
    if document.syntax_problem:
        return document
    if document.data is None:
        raise configuration_error([Problem(file, "the file is empty; it needs at least the line `root: .`")])
    if not isinstance(document.data, dict):
        message = "the file must hold settings, like `root: .`, one a line"
        found = _missing_space_problem(file, text.splitlines(), range(1))
        raise configuration_error([found or Problem(document.position(()), message)])
    return document


def _read_text(path: Path) -> str:
    def refuse(message: str, hint: str = "") -> Exception:
        return ConfigurationError(str(Problem(Position(str(path)), message)), hint=hint)

    try:
        if exists(path) and not (is_file(path) or is_dir(path)):  # opening a pipe could block for ever
            raise refuse("this is no file; config.example.yaml shows what goes into one")
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE_BYTES + 1)
    except FileNotFoundError:
        hint = THE_INSTALLED if path != INSTALLED and exists(INSTALLED) else NAME_IT
        raise refuse("there is no such file; config.example.yaml shows what goes into it", hint) from None
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


class RefusedYaml(yaml.MarkedYAMLError):
    """YAML outside the allowed subset; `problem` is a sentence for people."""


class Loader(yaml.SafeLoader):
    """PyYAML's loader, restricted to the subset. Raises RefusedYaml for aliases, anchors, tags, names that
    aren't plain text, lone surrogates, and nesting deeper than DEEPEST_LEVEL."""

    top: yaml.Node | None = None
    """The root node as far as it is read, kept where an error follows."""
    depth = -1

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.top = self.top or parent
        event = self.peek_event()  # type: ignore[no-untyped-call]
        anchor = getattr(event, "anchor", None)
        is_name = isinstance(parent, yaml.MappingNode) and index is None
        problem = ""
        if isinstance(event, yaml.AliasEvent):
            problem = f"{quoted(f'*{anchor}')} {SPECIAL}"
        elif anchor is not None:
            problem = f"{quoted(f'&{anchor}')} {SPECIAL}"
        elif getattr(event, "tag", None) is not None:
            problem = f"what begins with ! {SPECIAL}"
        elif is_name and not isinstance(event, yaml.ScalarEvent):
            problem = "the name of a setting must be plain text"
        elif isinstance(event, yaml.ScalarEvent) and SURROGATE.search(event.value):
            problem = "half a character (a lone surrogate)"
        elif self.depth >= DEEPEST_LEVEL:
            problem = f"nested deeper than {DEEPEST_LEVEL} levels"
        if problem:
            raise RefusedYaml(problem=problem, problem_mark=event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def parse(text: str, position: Position) -> Document:
    """Parse YAML text at `position`. Never raises: a syntax error is in `syntax_problem`, and `data` has the
    part before it."""
    document = Document(position)
    loader: Loader | None = None
    try:
        loader = Loader(text)
        top = loader.get_single_node()
    except (yaml.YAMLError, RecursionError, ValueError, IndexError) as error:
        document.syntax_problem = _syntax_problem(position, text, error)
        top = loader.top if loader is not None else None
    if top is not None:
        document.data = _value(document, top, position, ())
    return document


def _value(document: Document, node: yaml.Node, position: Position, path: KeyPath) -> object:
    document.set_position(path, position.of(node.start_mark))
    if isinstance(node, yaml.ScalarNode):
        return scalar(node.value) if node.style is None else node.value
    if isinstance(node, yaml.SequenceNode):
        return [_value(document, item, position, (*path, index)) for index, item in enumerate(node.value)]
    found: dict[str, object] = {}
    for key, item in node.value:
        below = (*path, key.value)
        here = position.of(key.start_mark)
        if key.value in found:
            line = document.names[below].line
            message = f"{quoted(key.value)} is written twice, here and in line {line}; keep one of them"
            document.problems.append(Problem(here, message))
            continue
        found[key.value] = _value(document, item, position, below)
        document.set_position(below, position.of(item.start_mark), here)
    return found


def scalar(text: str) -> object:
    """The value of an unquoted scalar: None, bool, int, float, else the text."""
    if text in NOTHING:
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower() == "true"
    if INTEGER.match(text):
        return int(text)
    return float(text) if DECIMAL.match(text) else text


def _syntax_problem(position: Position, text: str, error: Exception) -> Problem:
    if isinstance(error, yaml.reader.ReaderError):
        # The reader's position is an offset into the whole text.
        before = text[: error.position]
        where = position.at(before.count("\n"), len(before) - (before.rfind("\n") + 1))
        return Problem(where, "a control character that YAML doesn't allow")
    if not isinstance(error, yaml.MarkedYAMLError):
        return Problem(position, "this is not valid YAML")
    said, mark, context = error.problem or "", error.problem_mark, error.context_mark
    if mark is None or (context is not None and said == "found unexpected end of stream"):
        mark = context  # where the quote was opened
    if mark is None:
        return Problem(position, "this is not valid YAML")
    if isinstance(error, RefusedYaml):
        return Problem(position.of(mark), said)
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    indent = line[: len(line) - len(line.lstrip())]
    if "\t" in indent or line[mark.column : mark.column + 1] == "\t":
        column = indent.index("\t") if "\t" in indent else mark.column
        return Problem(position.at(mark.line, column), "a tab; indent with spaces only")
    message = next((words for start, words in SYNTAX.items() if said.startswith(start)), "")
    first = max(0, min((context or mark).line, mark.line) - 1)
    missing = (
        _missing_space_problem(position, lines, range(first, mark.line + 1)) if "colon" in message else None
    )
    if message is SIGN and context is not None and str(error.context).startswith("while scanning"):
        mark = context  # where the text begins
    return missing or Problem(position.of(mark), message or f"this is not valid YAML: {said}")


def _missing_space_problem(position: Position, lines: Sequence[str], numbers: range) -> Problem | None:
    """The problem of a missing space after a colon, if one of the lines with these indices has it."""
    for number in numbers:
        found = NO_SPACE.match(lines[number]) if number < len(lines) else None
        if found is not None:
            message = f"a space is missing after the colon: write `{found['setting']}: …`"
            return Problem(position.at(number, found.end() - 1), message)
    return None
