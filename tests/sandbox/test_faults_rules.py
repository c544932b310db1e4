"""Fault rules: which requests they hit, how they change while the sandbox runs, what the ledger records; and
errors in their file: one sentence each, with rule and field, and exit code 2."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from hotfolder.sandbox.faults.rules import FAULTS, read_rules
from hotfolder.sandbox.settings import SandboxError
from tests.sandbox.conftest import SKY
from tests.sandbox.faulty import Faulty
from tests.support.sandboxledger import charges


def story(faulty: Faulty, requests: int, **rule: Any) -> str:
    """The outcome of that many requests for a project: `x` is a fault, `.` is none."""
    faulty.rules({"endpoint": "projects", "fault": 503, **rule})
    answers = [faulty.caller.post("/api/projects", {"title": "1 Elm Street"}) for _ in range(requests)]
    return "".join("x" if answer.status_code == 503 else "." for answer in answers)


@pytest.mark.parametrize(
    ("when", "told"),
    [
        (1, "x......."),
        ([2, 3], ".xx....."),
        ({"from": 3}, "..xxxxxx"),
        ({"every": 3}, "..x..x.."),
        ({"from": 2, "every": 3}, ".x..x..x"),
        ({"from": 2, "to": 3}, ".xx....."),
        ({"to": 2}, "xx......"),
    ],
)
def test_when(faulty: Faulty, when: object, told: str) -> None:
    """Requests are counted from one."""
    assert story(faulty, 8, when=when) == told


def test_without_when_every_request_is_hit(faulty: Faulty) -> None:
    assert story(faulty, 3) == "xxx"


def test_a_seed_tells_the_same_story_again(faulty: Faulty) -> None:
    """Another seed gives other hits; their share is about the probability."""
    first = story(faulty, 40, probability=0.3, seed=1)
    assert first == story(faulty, 40, probability=0.3, seed=1)
    assert first != story(faulty, 40, probability=0.3, seed=2)
    assert 4 <= first.count("x") <= 22
    assert story(faulty, 5, probability=0) == "....." and story(faulty, 5, probability=1) == "xxxxx"


def test_match_counts_one_project_only(faulty: Faulty) -> None:
    """The pattern applies at every endpoint that belongs to a project."""
    caller = faulty.caller
    faulty.rules({"endpoint": "*", "fault": 503, "match": "9 Oak*"})
    elm = caller.project("1 Elm Street")
    group = caller.group(elm)
    caller.upload(elm, group, caller.jpeg())
    caller.enhance(elm, group).raise_for_status()
    url = caller.wait(group)["imageUrl"]
    assert caller.storage.get(url).status_code == 200 and caller.image()
    assert caller.post("/api/projects", {"title": "9 Oak Avenue"}).status_code == 503
    assert [line.route for line in faulty.faulted()] == ["/api/projects"]


@pytest.mark.parametrize(
    "endpoint", ["group-create", "upload-url", "put", "enhance", "group-get", "result-get"]
)
def test_match_finds_the_project_of(faulty: Faulty, endpoint: str) -> None:
    """The project of a body, group, photo or picture is found; a request that was read for it is still
    whole."""
    request = faulty.request(endpoint)
    faulty.rules({"endpoint": endpoint, "fault": 418, "match": "1 Elm Street", "when": 1})
    with httpx.Client() as client:
        assert client.send(request).status_code == 418
        assert client.send(request).status_code == 200


def test_the_first_rule_in_the_file_wins_and_each_counts_for_itself(faulty: Faulty) -> None:
    """The first rule's hit counts as the second rule's second request, too."""
    faulty.rules(
        {"endpoint": "projects", "fault": 500, "when": 2}, {"endpoint": "*", "fault": 502, "when": [1, 2, 3]}
    )
    statuses = [faulty.caller.post("/api/projects", {"title": "1 Elm Street"}).status_code for _ in range(4)]
    assert statuses == [502, 500, 502, 200]


def test_a_star_means_what_the_fault_fits(faulty: Faulty) -> None:
    """A page instead of a picture can't happen to a project."""
    faulty.rules({"endpoint": "*", "fault": "html", "when": 1})
    assert faulty.caller.project()
    url = faulty.caller.status(faulty.completed)["imageUrl"]
    assert "html" in faulty.caller.storage.get(url).headers["content-type"]
    assert faulty.caller.api.get("/openapi.json").status_code == 200


def test_a_broken_file_leaves_old_rules_in_force(faulty: Faulty, caplog: pytest.LogCaptureFixture) -> None:
    """The error is reported, and ends with the next valid file."""
    faulty.rules({"endpoint": "projects", "fault": 503})
    assert faulty.caller.post("/api/projects", {"title": "a"}).status_code == 503
    faulty.path.write_text("- endpoint: nowhere\n  fault: 503\n")
    assert faulty.caller.post("/api/projects", {"title": "a"}).status_code == 503
    assert "the faults stay as they were" in caplog.text and f"{faulty.path}: rule 1: endpoint" in caplog.text
    faulty.path.unlink()
    assert faulty.caller.post("/api/projects", {"title": "a"}).status_code == 503
    faulty.rules()
    assert faulty.caller.project()


def test_charged_is_exact_under_every_fault_of_a_paid_call(faulty: Faulty) -> None:
    """`faulted` and `charged` agree, request by request, over a seeded mixture."""
    image = faulty.caller.image()
    faults: list[dict[str, object]] = [
        {"fault": "reset-before", "when": {"every": 5}},
        {"fault": "reset-after", "when": {"every": 3}},
        {"fault": "reset-mid", "when": {"every": 7}},
        {"fault": 502, "probability": 0.3, "seed": 5},
        {"fault": 504, "probability": 0.3, "seed": 6, "processed": True},
    ]
    faulty.rules(*({"endpoint": "sky", **fault} for fault in faults))
    answered = 0
    for _ in range(25):
        with suppress(httpx.TransportError):
            answered += faulty.caller.post(f"/api/images/{image}/sky-replace", SKY).status_code == 200
    faulted = faulty.faulted()
    assert {line.fault for line in faulted} == {"reset-before", "reset-after", "reset-mid", "502", "504"}
    assert {line.fault for line in faulted if line.processed} == {"reset-after", "reset-mid", "504"}
    charged = [line for line in faulty.lines() if line.event == "charged"]
    assert len(charged) == answered + sum(bool(line.processed) for line in faulted)
    assert len(faulted) + answered == 25


def test_a_processed_answer_that_was_a_refusal_is_not_called_processed(faulty: Faulty) -> None:
    """422 is refunded: whoever loses that answer has lost nothing."""
    red = faulty.caller.image(faulty.caller.jpeg((255, 0, 0)))
    before = len(charges(faulty.data))
    faulty.rules({"endpoint": "sky", "fault": "reset-after"})
    with pytest.raises(httpx.TransportError):
        faulty.caller.post(f"/api/images/{red}/sky-replace", SKY)
    assert faulty.line().processed is False
    assert len(charges(faulty.data)) == before


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
