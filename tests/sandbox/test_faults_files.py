"""Mistakes in a file of faults: one sentence each, with the place, and exit code 2."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from hotfolder.sandbox.faults.catalogue import kind_of, names
from hotfolder.sandbox.faults.file import read_rules
from hotfolder.sandbox.faults.rules import Always, Numbered
from hotfolder.sandbox.settings import SandboxError

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "faults.md"

MISTAKES = [
    ("just words", "1:1", "must be a list"),
    ("endpoint: enhance\nfault: 503", "1:1", "must be a list"),
    ("- enhance", "1:3", "a rule must be a mapping"),
    ("- fault: 503", "1:3", "no endpoint"),
    ("- endpoint: enhance", "1:3", "no fault"),
    ("- {endpoint: enhanced, fault: 503}", "1:14", "did you mean enhance?"),
    ("- endpoint: enhance\n  fault: reset-befor", "2:10", "did you mean reset-before?"),
    ("- {endpoint: [sky, lawn], fault: 503}", "1:14", "endpoint: 'this' isn't known"),
    ("- {endpoint: sky, fault: 200}", "1:26", "no status from 400 to 599"),
    ("- {endpoint: sky, fault: true}", "1:26", "isn't known"),
    ("- {endpoint: sky, fault: html}", "1:26", "html can't happen at sky; it can at result-get"),
    ("- {endpoint: sky, fault: hang, second: 3}", "1:32", "did you mean seconds?"),
    ("- {endpoint: sky, fault: hang, seconds: soon}", "1:41", "seconds must be a number from 0"),
    ("- {endpoint: sky, fault: hang, seconds: .inf}", "1:41", "seconds must be a number from 0"),
    ("- {endpoint: sky, fault: hang, seconds: -1}", "1:41", "seconds must be a number from 0"),
    ("- {endpoint: sky, fault: hang, processed: 1}", "1:43", "processed must be true or false"),
    ("- {endpoint: sky, fault: 429, retry_after: 1.5}", "1:44", "retry_after must be a whole number"),
    ("- {endpoint: sky, fault: 503, when: 0}", "1:37", "when must be a whole number from 1"),
    ("- {endpoint: sky, fault: 503, when: [1, two]}", "1:41", "when must be a whole number from 1"),
    ("- {endpoint: sky, fault: 503, when: {after: 3}}", "1:38", "There is from, to, every"),
    ("- {endpoint: sky, fault: 503, when: {from: yes}}", "1:44", "from must be a whole number"),
    ("- {endpoint: sky, fault: 503, probability: 2}", "1:44", "probability must be a number from 0 to 1"),
    ("- {endpoint: sky, fault: 503, when: 1, probability: 1}", "1:31", "not both"),
    ("- {endpoint: sky, fault: 503, seed: 1}", "1:31", "without a probability"),
    ("- {endpoint: sky, fault: 503, match: Elm}", "1:31", "nothing in a request to sky tells its project"),
    ("- {endpoint: put, fault: 503, match: 12}", "1:38", "match must be a text"),
    ("- {endpoint: put, fault: 503, fault: 504}", "1:31", "'fault' is written twice"),
    ("- {endpoint: put, fault: 503, [a]: 1}", "1:31", "must be a plain word"),
    ("- {endpoint: sky, fault: url-private, to: 10.0.0.1}", "1:43", "like https://10.0.0.1"),
    ("- {endpoint: sky, fault: url-private, to: 'http://a/b'}", "1:43", "the first part of an address"),
    ("- {endpoint: put, fault: refused, origin: moon}", "1:43", "There is api, storage, both"),
    ("- {endpoint: put, fault: ", "1:26", "not valid YAML"),
    ("- {endpoint: put, fault: *that}", "1:26", "not valid YAML"),
    ("- endpoint: put\n\tfault: 503", "2:1", "not valid YAML"),
    ("- {endpoint: put, fault: 503, when: 0x}", "1:37", "when must be a whole number"),
    ("- {endpoint: put, fault: 503}\n---\n- {}", "2:1", "not valid YAML"),
]


@pytest.mark.parametrize(("text", "place", "words"), MISTAKES)
def test_a_mistake_is_pointed_at(tmp_path: Path, text: str, place: str, words: str) -> None:
    """File, line, column, and what would be right."""
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    with pytest.raises(SandboxError) as caught:
        read_rules(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:{place}: ") and words in message and "\n" not in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"- \xff", "line 1 is not UTF-8"),
        (b"#" * 300_000, "at most 256 KiB"),
        (b"[" * 20_000, "nested too deeply"),
        (b"- \x00", "not valid YAML"),
        (None, "can't be read: No such file"),
    ],
)
def test_what_is_no_text_at_all(tmp_path: Path, content: bytes | None, words: str) -> None:
    """Bytes, too many of them, or none."""
    path = tmp_path / "faults.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SandboxError, match=words):
        read_rules(path)


def test_the_command_ends_with_2(tmp_path: Path) -> None:
    """One clear message, before anything is served or written."""
    path = tmp_path / "faults.yaml"
    path.write_text("- endpoint: enhance\n  fault: nonsense\n")
    command = [sys.executable, "-m", "hotfolder", "sandbox", "--faults", str(path), "--port", "0"]
    ended = subprocess.run(
        [*command, "--data", str(tmp_path / "data")],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"sandbox: {path}:2:10: ") and ended.stderr.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_json_is_taken_and_nothing_is_no_rule(tmp_path: Path) -> None:
    """JSON is YAML; an empty file means a sandbox without faults, yet."""
    path = tmp_path / "faults.json"
    path.write_text(
        '[\n  {"endpoint": "sky", "fault": "hang", "when": [1, 2]},\n  {"endpoint": "*", "fault": 503}\n]'
    )
    first, second = read_rules(path)
    assert (first.fault, first.when) == ("hang", Numbered(frozenset({1, 2})))
    assert first.values == {"seconds": 3600, "processed": True}
    assert (second.fault, second.when, second.number) == ("503", Always(), 2)
    path.write_text("# nothing yet\n")
    assert read_rules(path) == []


def test_the_page_names_every_fault_and_every_parameter() -> None:
    """Whoever adds a fault writes it down."""
    text = PAGE.read_text(encoding="utf-8")
    words = set(re.findall(r"`([\w-]+)(?:: [^`]*)?`", text))
    for name in names():
        kind = kind_of(name)
        assert kind is not None
        assert {name, *kind.parameters} <= words


def test_the_pages_examples_are_good_files(tmp_path: Path) -> None:
    """As they are printed."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 2
    for number, block in enumerate(blocks):
        path = tmp_path / f"{number}.yaml"
        path.write_text(block, encoding="utf-8")
        assert read_rules(path)
