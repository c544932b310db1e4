"""The API's own words about a failure, made fit for a log and for a photographer."""

from __future__ import annotations

import json
import re

SENTENCE_LETTERS = 300


def error_text(text: str, secret: str = "") -> str:
    """What the body `text` of an answer says, as one short line that is safe to show.

    No control characters, no `secret`, of a URL no more than its host. Empty where it says nothing.
    """
    try:
        text = message_in(json.loads(text)) or ""
    except (ValueError, RecursionError):
        text = "" if text.lstrip().startswith("<") else text
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    if secret:
        text = text.replace(secret, "[key]")
    text = re.sub(r"(https?://[^/\s\"'?#]*)[^\s\"']*", r"\1/…", text)
    return text if len(text) <= SENTENCE_LETTERS else text[: SENTENCE_LETTERS - 1] + "…"


def message_in(found: object) -> str | None:
    """The first sentence in the usual places: message, error, detail, errors; a list of them is joined."""
    match found:
        case str():
            return found
        case {"loc": list(place), "msg": str(problem)}:
            return f"{'.'.join(str(part) for part in place)}: {problem}"
        case dict():
            options = (
                message_in(found[name])
                for name in ("message", "error", "detail", "errors", "msg")
                if name in found
            )
            return next((option for option in options if option), None)
        case list():
            return "; ".join(text for item in found[:5] if (text := message_in(item)))
    return None
