"""Values as the text of a Lua table, which Lua 5.1 and later read alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

Value = str | bool | int | float | Sequence["Value"] | Mapping[str, "Value"]

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
KEYWORDS = re.compile(
    "(and|break|do|else|elseif|end|false|for|function|goto|if|in|local|nil|not|or|repeat|return|then|true|until"
    "|while)\\Z"
)
ESCAPED = re.compile(r'[\x00-\x1f\x7f"\\]')


def lua(value: Value, depth: int = 0) -> str:
    """The text of `value`; a table has one entry a line, indented by tabs."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return '"' + ESCAPED.sub(_escape, value) + '"'
    indent = "\t" * depth
    lines = [f"{indent}\t{line},\n" for line in _entries(value, depth + 1)]
    return "{\n" + "".join(lines) + indent + "}" if lines else "{}"


def _entries(value: Sequence[Value] | Mapping[str, Value], depth: int) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            plain = NAME.match(name) and not KEYWORDS.match(name)
            written = name if plain else f"[{lua(name)}]"
            yield f"{written} = {lua(inner, depth)}"
    else:
        yield from (lua(inner, depth) for inner in value)


def _escape(found: re.Match[str]) -> str:
    return "\\" + found[0] if found[0] in '"\\' else f"\\{ord(found[0]):03}"
