"""Errors in a file of faults: one sentence each, with rule and field, and exit code 2."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from hotfolder.sandbox.faults.rules import FAULTS, read_rules
from hotfolder.sandbox.settings import SandboxError

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "faults.md"

MISTAKES = [
    ("just words", "valid list"),
    ("- enhance", "rule 1: "),
    ("- fault: 503", "rule 1: endpoint: Field required"),
    ("- {endpoint: enhanced, fault: 503}", "rule 1: endpoint: Input should be '*', 'projects'"),
    ("- {endpoint: sky, fault: 503}\n- {endpoint: sky, fault: hung}", "rule 2: no fault is called 'hung'"),
    ("- {endpoint: sky, fault: 200}", "or a status from 400 to 599"),
    ("- {endpoint: sky, fault: true}", "rule 1: fault: "),
    ("- {endpoint: sky, fault: html}", "html can't happen at sky; it can at result-get"),
    ("- {endpoint: sky, fault: hang, second: 3}", "rule 1: second: "),
    ("- {endpoint: sky, fault: hang, to: 'http://a'}", "hang doesn't know to"),
    ("- {endpoint: sky, fault: hang, seconds: soon}", "rule 1: seconds: Input should be a valid number"),
    ("- {endpoint: sky, fault: 503, when: 0}", "rule 1: when: numbers: 0: Input should be greater"),
    ("- {endpoint: sky, fault: 503, when: {after: 3}}", "rule 1: when: after: "),
    ("- {endpoint: sky, fault: 503, when: 1, probability: 1}", "not both"),
    ("- {endpoint: sky, fault: 503, seed: 1}", "without a probability"),
    ("- {endpoint: sky, fault: 503, match: Elm}", "no other request tells its project"),
    ("- {endpoint: sky, fault: url-private, to: 10.0.0.1}", "rule 1: to: it must be the first part"),
    ("- {endpoint: sky, fault: url-private, to: 'http://a/b'}", "like https://10.0.0.1"),
    ("- {endpoint: put, fault: ", "not valid YAML"),
    ("- {endpoint: put, fault: 503}\n---\n- {}", "not valid YAML"),
]


@pytest.mark.parametrize(("text", "words"), MISTAKES)
def test_a_mistake_is_told(tmp_path: Path, text: str, words: str) -> None:
    """One line has the file, the rule and field, and what would be right."""
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    with pytest.raises(SandboxError) as caught:
        read_rules(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and words in message and "\n" not in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"- \xff", "not valid YAML"),
        (b"[" * 20_000, "not valid YAML"),
        (b"- \x00", "not valid YAML"),
        (None, "can't be read: No such file"),
    ],
)
def test_what_is_no_text_at_all(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "faults.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SandboxError, match=words):
        read_rules(path)


def test_the_command_ends_with_2(tmp_path: Path) -> None:
    """One clear message comes before anything is served or written."""
    path = tmp_path / "faults.yaml"
    path.write_text("- endpoint: enhance\n  fault: nonsense\n")
    command = [sys.executable, "-m", "hotfolder", "sandbox", "--faults", str(path), "--port", "0"]
    ended = subprocess.run(
        [*command, "--data", str(tmp_path / "data")],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=300,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert (
        ended.stderr.startswith(f"sandbox: {path}: rule 1: no fault is called 'nonsense'")
        and ended.stderr.count("\n") == 1
    )
    assert not (tmp_path / "data").exists()


def test_json_is_taken_and_nothing_is_no_rule(tmp_path: Path) -> None:
    """JSON is YAML; an empty file means a sandbox without faults so far."""
    path = tmp_path / "faults.json"
    path.write_text(
        '[\n  {"endpoint": "sky", "fault": "hang", "when": [1, 2]},\n  {"endpoint": "*", "fault": 503}\n]'
    )
    first, second = read_rules(path)
    assert (first.fault, first.seconds, first.processed) == ("hang", 3600, True)
    assert [first.hits(number) for number in (1, 2, 3)] == [True, True, False]
    assert (second.fault, second.processed, second.hits(9)) == ("503", False, True)
    path.write_text("# nothing yet\n")
    assert read_rules(path) == []


def test_the_page_names_every_fault_and_every_parameter() -> None:
    text = PAGE.read_text(encoding="utf-8")
    words = set(re.findall(r"`([\w-]+)(?:: [^`]*)?`", text))
    for name, fault in FAULTS.items():
        assert {*fault.options} <= words
        assert name.isdigit() or name in words


def test_the_pages_examples_are_good_files(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 2
    for number, block in enumerate(blocks):
        path = tmp_path / f"{number}.yaml"
        path.write_text(block, encoding="utf-8")
        assert read_rules(path)
