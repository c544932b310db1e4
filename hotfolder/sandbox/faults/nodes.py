"""YAML with the place of everything in it, so that a mistake can be pointed at."""

from __future__ import annotations

import math
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

import yaml

from hotfolder.sandbox.settings import SandboxError

LARGEST_FILE_BYTES = 256 * 1024


class Source:
    """A file of YAML. Everything here raises SandboxError with file, line and column."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def root(self) -> yaml.Node | None:
        """The document; None when the file is empty."""
        text = self._text()
        try:
            return yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            self._refuse(error.problem_mark or error.context_mark, f"this is not valid YAML: {error.problem}")
        except (yaml.YAMLError, RecursionError) as error:
            said = "nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0]
            self._refuse(None, f"this is not valid YAML: {said}")

    def _text(self) -> str:
        try:
            with self._path.open("rb") as file:
                content = file.read(LARGEST_FILE_BYTES + 1)
        except OSError as error:
            self._refuse(None, f"the file of faults can't be read: {error.strerror}")
        if len(content) > LARGEST_FILE_BYTES:
            self._refuse(None, f"a file of faults has at most {LARGEST_FILE_BYTES // 1024} KiB")
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            self._refuse(None, f"line {line} is not UTF-8 text")

    def refuse(self, node: yaml.Node, message: str) -> NoReturn:
        self._refuse(node.start_mark, message)

    def _refuse(self, mark: yaml.Mark | None, message: str) -> NoReturn:
        place = f"{self._path}:{mark.line + 1}:{mark.column + 1}" if mark else str(self._path)
        raise SandboxError(f"{place}: {message}")

    def items(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode):
            self.refuse(node, f"{what} must be a list")
        return list(node.value)

    def fields(self, node: yaml.Node, what: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """A mapping's keys and values, by key."""
        if not isinstance(node, yaml.MappingNode):
            self.refuse(node, f"{what} must be a mapping, like `endpoint: enhance`")
        found: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            name = str(key.value)
            if not isinstance(key, yaml.ScalarNode):
                self.refuse(key, "a field's name must be a plain word")
            if name in found:
                self.refuse(key, f"{name!r} is written twice")
            found[name] = (key, value)
        return found

    def scalar(self, node: yaml.Node) -> Any:
        """The plain value of a node; the node itself when it is none."""
        if not isinstance(node, yaml.ScalarNode):
            return node
        try:
            return yaml.constructor.SafeConstructor().construct_object(node)
        except (yaml.YAMLError, ValueError, KeyError, OverflowError):
            self.refuse(node, f"{shown(node.value)} can't be understood")

    def text(self, node: yaml.Node, name: str) -> str:
        value = self.scalar(node)
        if not isinstance(value, str):
            self.refuse(node, f"{name} must be a text; put it in quotes if it looks like something else")
        return value

    def flag(self, node: yaml.Node, name: str) -> bool:
        value = self.scalar(node)
        if not isinstance(value, bool):
            self.refuse(node, f"{name} must be true or false")
        return value

    def number(self, node: yaml.Node, name: str, least: float, most: float) -> float:
        value = self.scalar(node)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or not least <= value <= most:
            self.refuse(node, f"{name} must be a number from {least:g} to {most:g}")
        return float(value)

    def whole(self, node: yaml.Node, name: str, least: float, most: float = 1e9) -> int:
        value = self.scalar(node)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self.refuse(node, f"{name} must be a whole number from {least:g} to {most:g}")
        return value

    def one_of(self, node: yaml.Node, name: str, known: Iterable[str]) -> str:
        """A text that is one of `known`."""
        value = self.scalar(node)
        if not isinstance(value, str) or value not in known:
            written = node.value if isinstance(node, yaml.ScalarNode) else "this"
            self.refuse(node, f"{name}: {shown(written)} isn't known; {nearest(written, known)}")
        return value


def shown(text: object) -> str:
    return repr(str(text)[:60])


def nearest(written: str, known: Iterable[str]) -> str:
    """What may have been meant, and what there is."""
    close = get_close_matches(written, list(known), n=1)
    meant = f"did you mean {close[0]}? " if close else ""
    return f"{meant}There is {', '.join(known)}"
