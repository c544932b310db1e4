"""What one look found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """It works, and something about it should be known."""
    PROBLEM = "problem"
    """It doesn't work like that."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`what` was looked at, in a word or two; `text` is what was seen, `hint` what to do. No secrets."""

    what: str
    verdict: Verdict
    text: str
    hint: str = ""


def ok(what: str, text: str) -> Finding:
    return Finding(what, Verdict.OK, text)


def warning(what: str, text: str, hint: str) -> Finding:
    return Finding(what, Verdict.WARNING, text, hint)


def problem(what: str, text: str, hint: str) -> Finding:
    return Finding(what, Verdict.PROBLEM, text, hint)
