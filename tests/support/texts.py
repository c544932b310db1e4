"""The texts that the product's code can produce, read from its syntax as templates with `{}` for values."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Collection, Iterator
from pathlib import Path

import hotfolder

ROOT = Path(hotfolder.__file__).parent
HOLE = "{}"
HOLES = re.compile(r"\{\w*\}")
FOR_OTHERS = frozenset({
    "AssertionError", "ValueError", "TypeError", "KeyError", "LookupError", "IllegalMove", "OverflowError",
    "re.compile", "ConfigurationError", "StoreError",
})  # fmt: skip
"""Callables whose texts are no reason of a set."""
SQL = re.compile("(SELECT|INSERT|UPDATE|DELETE|PRAGMA|BEGIN|READ) ")
END = re.compile(r"(?<=[.!?]) |; ")


def skeleton(text: str) -> str:
    """A normal form of a text or template: equal for texts that say the same."""
    bare = HOLES.sub(HOLE, " ".join(text.split())).removesuffix(".")
    return bare[:1].lower() + bare[1:]


def sentences(text: str) -> Iterator[str]:
    """The parts that are translated by themselves. A value before a sentence is a part of its own."""
    for part in END.split(text.strip()):
        yield re.sub(r"^\{\} ?(?=[A-Z`])", "", part.removeprefix(": ").strip())


def made_in(file: Path) -> Iterator[tuple[int, str]]:
    """Line and template of each text in a module that a person might read: at least two words."""
    tree = ast.parse(file.read_text("utf-8"))
    skipped = {id(part) for node in ast.walk(tree) for part in parts_that_are_none(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        for text in texts_of(node):
            if re.search(r"[A-Za-z]{2,} [A-Za-z`{]", HOLES.sub("", text)) and not SQL.match(text):
                yield getattr(node, "lineno", 0), text


def parts_that_are_none(node: ast.AST) -> Iterator[ast.AST]:
    """Docstrings, parts of other texts, and texts for the log or for tracebacks."""
    body = getattr(node, "body", None)
    if isinstance(body, list):
        yield from (
            one.value for one in body if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)
        )
    if isinstance(node, ast.JoinedStr):
        yield from (part for value in node.values for part in ast.walk(value))
    called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
    if called in FOR_OTHERS or called.startswith("logger."):
        yield from ast.walk(node)


def texts_of(node: ast.AST) -> Iterator[str]:
    """All values of a literal, one for each combination of its conditions."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        tests = {ast.dump(one.test): one for one in ast.walk(node) if isinstance(one, ast.IfExp)}
        for ways in itertools.product((True, False), repeat=len(tests)):
            chosen = dict(zip(tests, ways, strict=True))
            yield "".join(piece(value, chosen) for value in node.values)


def piece(value: ast.AST, chosen: dict[str, bool]) -> str:
    if isinstance(value, ast.Constant):
        return str(value.value)
    inner = value.value if isinstance(value, ast.FormattedValue) else value
    if isinstance(inner, ast.IfExp):
        inner = inner.body if chosen[ast.dump(inner.test)] else inner.orelse
        return str(inner.value) if isinstance(inner, ast.Constant) else piece(inner, chosen)
    if isinstance(inner, ast.JoinedStr):
        return "".join(piece(part, chosen) for part in inner.values)
    return HOLE


def is_covered(text: str, known: Collection[str]) -> bool:
    """Whether a text is among the known skeletons: equal, with values filled in, or as a part."""
    pattern = re.compile(".+".join(re.escape(part) for part in skeleton(text).split(HOLE)))
    return any(pattern.search(one) for one in known)
