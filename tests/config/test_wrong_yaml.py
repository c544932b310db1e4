"""Files that are no settings at all: not text, not YAML, or without a root.

Each row: what the file holds, then exactly what is said about it, one message for each problem.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

BOMB = """\
root: .
a: &a ["x", "x", "x", "x", "x", "x", "x", "x", "x"]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]
"""

WRONG: dict[str, tuple[str | bytes, *tuple[str, ...]]] = {
    "empty file": (
        "",
        "config.yaml: the file is empty; it needs at least the line `root: .`",
    ),
    "only notes": (
        "# nothing yet\n",
        "config.yaml: the file is empty; it needs at least the line `root: .`",
    ),
    "binary file": (
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
        "config.yaml: the file is not text; settings are YAML text in UTF-8",
    ),
    "not UTF-8": (
        b"root: .\ninbox: K\xfcche\n",
        "config.yaml: line 2 is not UTF-8 text; save the file as UTF-8",
    ),
    "UTF-16": (
        "root: .\n".encode("utf-16"),
        "config.yaml: the file is saved as UTF-16; save it as UTF-8",
    ),
    "too large": (
        "root: .\n#" + "x" * 300_000,
        "config.yaml: the file is larger than 256 KiB, so it can't be the settings",
    ),
    "control character": (
        "root: .\ninbox: a\x07b\n",
        "config.yaml:2:9: a control character that YAML doesn't allow",
    ),
    "a list": (
        "- root: .\n",
        "config.yaml:1:1: the file must hold settings, like `root: .`, one a line",
    ),
    "a tab": (
        "root: .\nsettle:\n\tquiet_seconds: 5\n",
        "config.yaml:3:1: a tab; indent with spaces only",
    ),
    "a colon too many": (
        "root: .\ninbox: in: box\n",
        "config.yaml:2:10: a colon where none can stand; check the indentation here and in "
        "the line above, or put the text in quotes",
    ),
    "open quote": (
        'root: .\ninbox: "inbox\n',
        "config.yaml:2:8: a quote that was opened is never closed",
    ),
    "open bracket": (
        "root: .\nroutes: [\n",
        "config.yaml:3:1: a bracket that was opened is never closed, or closed by another kind",
    ),
    "bracket closed by another": (
        "root: .\nroutes: [a}\n",
        "config.yaml:2:11: a bracket that was opened is never closed, or closed by another kind",
    ),
    "wrong indentation": (
        "root: .\nsettle:\n  quiet_seconds: 5\n   scan_seconds: 5\n",
        "config.yaml:4:16: a colon where none can stand; check the indentation here and in "
        "the line above, or put the text in quotes",
    ),
    "alias bomb": (
        BOMB,
        'config.yaml:2:4: "&a" means something else in YAML; put it in quotes',
    ),
    "an alias alone": (
        "root: .\ndone: *somewhere\n",
        'config.yaml:2:7: "*somewhere" means something else in YAML; put it in quotes',
    ),
    "type mark": (
        "root: !!python/object/apply:os.getcwd []\n",
        "config.yaml:1:7: what begins with ! means something else in YAML; put it in quotes",
    ),
    "a pattern without quotes": (
        "root: .\nroutes:\n  - {name: a, match: {room: *aerial}}\n",
        'config.yaml:3:29: "*aerial" means something else in YAML; put it in quotes',
    ),
    "a path of Windows": (
        'root: "C:\\Users\\anna"\n',
        "config.yaml:1:12: a backslash means something else in double quotes;"
        " write / instead, or use single quotes",
    ),
    "no space, alone": (
        "root:photos\n",
        "config.yaml:1:5: a space is missing after the colon: write `root: …`",
    ),
    "no space, first": (
        "root:photos\ninbox: a\n",
        "config.yaml:1:5: a space is missing after the colon: write `root: …`",
    ),
    "no space, last": (
        "inbox: a\nroot:photos\n",
        "config.yaml:2:5: a space is missing after the colon: write `root: …`",
    ),
    "routes that are no list": (
        "root: .\nroutes:\n  drone:\n    match: {room: x}\n",
        "config.yaml:3:3: routes must be a list, not a mapping; begin each with `- name:`",
    ),
    "two documents": (
        "root: .\n---\nroot: .\n",
        "config.yaml:2:1: a second YAML document starts here; settings are one document",
    ),
    "deep nesting": (
        "root: " + "[" * 3000 + "]" * 3000 + "\n",
        "config.yaml:1:27: nested deeper than 20 levels",
    ),
    "duplicate key": (
        "root: .\ninbox: a\nsettle:\n  quiet_seconds: 1\n  quiet_seconds: 2\ninbox: b\n",
        'config.yaml:5:3: "quiet_seconds" is written twice, here and in line 4; keep one of them',
        'config.yaml:6:1: "inbox" is written twice, here and in line 2; keep one of them',
    ),
    "duplicate key and an open quote": (
        'root: .\nroot: .\ninbox: "inbox\n',
        'config.yaml:2:1: "root" is written twice, here and in line 1; keep one of them',
        "config.yaml:3:8: a quote that was opened is never closed",
    ),
    "missing root": (
        "inbox: inbox\n",
        'config.yaml:1:1: "root" is missing',
    ),
    "root left empty": (
        "root:\n",
        'config.yaml:1:1: "root" is missing',
    ),
    "root doesn't exist": (
        "root: nowhere\n",
        'config.yaml:1:7: the root folder "nowhere" doesn\'t exist; correct it or make the folder',
    ),
    "root is a file": (
        "root: config.yaml\n",
        'config.yaml:1:7: the root folder "config.yaml" is not a folder; correct it or make the folder',
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_it_is_said_what_is_wrong_and_where(
    name: str, problems_of: Callable[[str | bytes], list[str]]
) -> None:
    """A wrong file gives exactly the messages of the table, in the order of their positions."""
    content, *expected = WRONG[name]
    assert problems_of(content) == expected
