"""The exact messages for wrong settings.

The files in `wrong/` hold cases: a title, the settings, and behind `--` the messages, one line for each
problem. With GOLDEN=write in the environment, the current messages are written into them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from hotfolder.words.saying import translate

FOLDER = Path(__file__).parent / "wrong"
GIVEN = re.compile(r"`[^`]*`|\"[^\"]*\"|„[^“]*“|Erlaubt: .*")
ENGLISH = re.compile(
    r"\b(allowed|and|be|is|it|must|of|one|the|there|unknown|use|with|write)\b", re.IGNORECASE
)


def cases(path: Path) -> dict[str, tuple[str, str]]:
    found = {}
    for case in path.read_text().removeprefix("== ").split("\n\n== "):
        title, _, rest = case.partition("\n")
        content, _, said = rest.partition("\n--\n")
        found[title] = (content + "\n", said.strip("\n"))
    return found


@pytest.mark.parametrize("name", [path.stem for path in sorted(FOLDER.iterdir())])
def test_it_is_said_what_is_wrong_and_where(name: str, problems_of: Callable[[str], list[str]]) -> None:
    """All problems at once, in the order of their positions."""
    path = FOLDER / f"{name}.txt"
    expected = cases(path)
    found = {title: (content, "\n".join(problems_of(content))) for title, (content, _) in expected.items()}
    if os.environ.get("GOLDEN") == "write":
        path.write_text("\n".join(f"== {title}\n{one[0]}--\n{one[1]}\n" for title, one in found.items()))
        pytest.skip(f"{path} was written anew: see what `git diff` says of it")
    assert found == expected


@pytest.mark.parametrize("name", [path.stem for path in sorted(FOLDER.iterdir())])
def test_all_of_it_is_said_in_german_too(name: str) -> None:
    """Several errors are told as one text, with a line for each."""
    for _, messages in cases(FOLDER / f"{name}.txt").values():
        told = translate("de", messages)
        assert [line.partition(": ")[0] for line in told.splitlines()] == [
            line.partition(": ")[0] for line in messages.splitlines()
        ]
        assert not [line for line in told.splitlines() if ENGLISH.search(GIVEN.sub("", line))]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "config.yaml: the file is empty; it needs at least the line `root: .`"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "config.yaml: the file is not text; settings are YAML text in UTF-8"),
        (b"root: .\ninbox: K\xfcche\n", "config.yaml: line 2 is not UTF-8 text; save the file as UTF-8"),
        ("root: .\n".encode("utf-16"), "config.yaml: the file is saved as UTF-16; save it as UTF-8"),
        (
            "root: .\n#" + "x" * 300_000,
            "config.yaml: the file is larger than 256 KiB, so it can't be the settings",
        ),
        ("root: .\ninbox: a\x07b\n", "config.yaml:2:9: a control character that YAML doesn't allow"),
        ("root: .\nsettle:\n\tquiet_seconds: 5\n", "config.yaml:3:1: a tab; indent with spaces only"),
        ("root: " + "[" * 3000 + "]" * 3000 + "\n", "config.yaml:1:27: nested deeper than 20 levels"),
    ],
)
def test_what_is_no_yaml_text_is_told_apart(
    content: str | bytes, expected: str, problems_of: Callable[[str | bytes], list[str]]
) -> None:
    assert problems_of(content) == [expected]
