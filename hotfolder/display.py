"""Safe display of text from outside: in a terminal, a message, a page or the log."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, TextIO

_SPACES = frozenset({"Zs", "Zl", "Zp"})
_REFUSED = frozenset({"Cc", "Cf", "Cs"})
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
"""Invisible letters and marks: with them, two different names can look the same."""
_JOINER = "\u200d"
REPLACEMENT = "�"
_NAME_FIRST = re.compile(r"\S*\.\w")


def visible(text: str) -> str:
    """`text` on one line, with everything replaced that could control a terminal, reverse or hide other text,
    or can't be encoded: control and formatting characters, direction marks, bytes that aren't UTF-8."""
    if text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    before = ""
    for letter in text:
        shown.append(_shown(letter, before))
        before = letter
    return "".join(shown)


def _shown(letter: str, before: str) -> str:
    kind = unicodedata.category(letter)
    if kind in _SPACES or letter in "\n\r\t":
        return " "
    if "\udc80" <= letter <= "\udcff":  # a byte of a file's name that isn't UTF-8
        return f"\\x{ord(letter) - 0xDC00:02x}"
    if letter == _JOINER and before and unicodedata.category(before) in ("So", "Sk", "Mn"):
        return letter  # part of an emoji
    return REPLACEMENT if kind in _REFUSED or letter in _UNSEEN else letter


def visible_lines(text: str) -> str:
    """`visible` for a text of several lines, such as a message that quotes names."""
    return "\n".join(visible(line) for line in text.split("\n"))


def say(*values: object, file: TextIO | None = None) -> None:
    """`print` for values that may contain text from outside."""
    print(*(visible_lines(str(value)) for value in values), file=file)


def with_hint(reason: str, hint: str) -> str:
    """Both on one line, as sentences. The full stop that a quoted reason may lack is added."""
    reason = reason.strip()
    if reason and not reason.endswith((".", "!", "?", ":")):
        reason += "."
    return f"{reason} {hint}".strip()


def capital(text: str) -> str:
    """`text` with a capital first letter, to begin a sentence. A first word with a dot in it, such as the
    name of a file, a setting or a host, stays as it is."""
    return text if _NAME_FIRST.match(text) else text[:1].upper() + text[1:]


def sentence(text: str, *, end: str = ".") -> str:
    """`text` as `capital` has it, and with `end` unless it ends as a sentence."""
    text = text.strip()
    if not text:
        return ""
    return capital(text) + ("" if text.endswith((".", "!", "?")) else end)


def signed_ev(ev: float) -> str:
    """An exposure difference in EV, rounded to thirds, such as −4, 0 or +0.7."""
    step = round(ev * 3) / 3
    if abs(step) < 0.1:
        return "0"
    number = f"{abs(step):.1f}".removesuffix(".0")
    return f"{'+' if step > 0 else '−'}{number}"


def counted(number: int, what: str) -> str:
    """A number with its noun, such as "1 photo" or "3 photos"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def natural_order(name: str) -> tuple[list[Any], str]:
    """A sort key under which `IMG_9` comes before `IMG_10`; the raw name decides between equals."""
    pieces = re.split(r"([0-9]+)", name.casefold())  # text and numbers in turn
    return [int(piece) if index % 2 else piece for index, piece in enumerate(pieces)], name
