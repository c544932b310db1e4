"""What the program says of sets, in the language of whoever reads it.

Reasons, hints, doubts and history are made, logged and stored in English, and stay so. Only where they are
shown is their German looked up, by the template in `de/` that they were made from: there, a template is a
line, and its German the indented line below. `{name}` stands for whatever is there; `{NAME}` for what is
itself such a text, as the reason within a reason.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib.resources import files

ENGLISH, GERMAN = "en", "de"
MOST_LETTERS = 4000
"""A longer text is shown as it is: it quotes somebody else's."""
FIELD = re.compile(r"\{(\w+)\}")
WORD = re.compile(r"[^\W\d_]+")
END = re.compile(r"(?<=[.!?]) |; ")
QUOTED = re.compile(r'"([^"]*)"')
DECIMAL = re.compile(r"(?<=\d)\.(?=\d)")
NUMBERS = frozenset({"number", "count", "most", "status", "seconds", "of_seconds", "ev", "mm", "to_mm", "mb"})
"""Fields that stand for a number, and for nothing else. Their decimal points become commas."""
A_NUMBER, A_NAME, A_TEXT = r"[\d.,]+", '(?:"[^"]*"|(?![;:] )[^"])+?', ".+?"
SOME_PATTERNS = '"[^"]*"(?: or "[^"]*")*'
"""What stands in place of a field: in a name, quotation marks come in pairs."""
LOOSE_LETTERS = 10
"""With fewer of its own, a template fits only where all the texts within it are known, too."""


def lines_in(folder: str) -> list[str]:
    """The lines of all texts in a folder beside this file; empty ones and comments (#) aside."""
    texts = sorted(files("hotfolder.words").joinpath(folder).iterdir(), key=lambda one: one.name)
    lines = (line for text in texts for line in text.read_text("utf-8").splitlines())
    return [line.strip() for line in lines if line and not line.startswith("#")]


@dataclass(frozen=True)
class Template:
    """A text of the program with its German, both without a full stop."""

    english: str
    german: str

    @cached_property
    def literals(self) -> tuple[str, ...]:
        """What of it stands in every text that it makes; the first letter may be a capital there."""
        first = self.english[0].isalpha()
        return tuple(part for part in FIELD.sub("\0", self.english[first:]).split("\0") if part)

    @cached_property
    def words(self) -> frozenset[str]:
        """Of its own, those that stand as such in every text that it makes: none that a field may go on."""
        inner = re.sub(r"(?<=\0)[^\W\d_]+|[^\W\d_]+(?=\0)", "", FIELD.sub("\0", self.english))
        return frozenset(WORD.findall(inner.lower()))

    @cached_property
    def loose(self) -> bool:
        return "{" in self.english and sum(map(str.isalpha, FIELD.sub("", self.english))) < LOOSE_LETTERS

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        parts = FIELD.split(self.english)
        made = "".join(
            f"(?P<{part}>{kind_of(part)})" if place % 2 else re.escape(part)
            for place, part in enumerate(parts)
        )
        first = parts[0][:1]
        if first.isalpha():
            made = f"[{first.lower()}{first.upper()}]" + made[1:]
        return re.compile(made, re.DOTALL)

    def german_of(self, text: str) -> str | None:
        """The German of a text without a full stop, None where it wasn't made from this template."""
        if not all(literal in text for literal in self.literals):
            return None
        found = self.pattern.fullmatch(text)
        if found is None or (self.loose and not all(map(german_of_whole, within(found)))):
            return None
        made = FIELD.sub(lambda field: shown(field[1], found[field[1]]), self.german)
        capital = text[0].isupper() and self.english[0].islower()
        return made[0].upper() + made[1:] if capital else made


@cache
def templates() -> tuple[Template, ...]:
    """All of them; of two that fit, the one that says more comes first."""
    lines = lines_in("de")
    made = [Template(english, german) for english, german in zip(lines[::2], lines[1::2], strict=True)]
    return tuple(sorted(made, key=lambda one: -len(FIELD.sub("", one.english))))


@cache
def by_word() -> Mapping[str, Sequence[int]]:
    """The places of the templates, each by the rarest of its words; "" for those that have none."""
    often = Counter(word for one in templates() for word in one.words)
    found: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(templates()):
        found[min(one.words, key=lambda word: (often[word], word), default="")].append(place)
    return found


def said(language: str, text: str) -> str:
    """A text of the program in that language; what nobody has translated stays English."""
    return german(text) if language == GERMAN and text else text


def number_said(language: str, text: str) -> str:
    """A number as it is written in that language."""
    return DECIMAL.sub(",", text) if language == GERMAN else text


def room_said(language: str, room: str) -> str:
    """What stands in a room's place in that language: in brackets it is no room's name, such as for a whole
    shoot."""
    return said(language, room) if room.startswith("(") else room


@lru_cache(maxsize=4096)
def german(text: str) -> str:
    """Part by part: the shortest beginning that ends as a sentence does and is known, then what is behind it.
    What begins with a name and a colon is about that."""
    if len(text) > MOST_LETTERS:
        return text
    ends = [found.span() for found in END.finditer(text)] + [(len(text), len(text))]
    made, start = "", 0
    while start < len(text):
        here = [span for span in ends if span[0] > start]
        known = (
            (span, german_of_whole(text[start : span[0]]) or german_about(text[start : span[0]]))
            for span in here
        )
        (stop, after), part = next((one for one in known if one[1]), (here[0], None))
        made += (part or text[start:stop]) + text[stop:after]
        start = after
    return made


def german_of_whole(text: str) -> str | None:
    plain, stop = (text[:-1], ".") if text.endswith(".") else (text, "")
    words = {"", *WORD.findall(text.lower())}
    for place in sorted(place for word in words for place in by_word().get(word, ())):
        made = templates()[place].german_of(plain)
        if made is not None:
            return made if made.endswith(("!", "?")) else made + stop
    return None


def german_about(text: str) -> str | None:
    about, colon, rest = text.partition(": ")
    told = german_of_whole(rest) if colon and rest else None
    return f"{about}: {told}" if told is not None else None


def kind_of(field: str) -> str:
    """What may stand in place of a field."""
    if field in NUMBERS:
        return A_NUMBER
    return SOME_PATTERNS if field == "patterns" else A_TEXT if field.isupper() else A_NAME


def shown(field: str, value: str) -> str:
    """What stands in a text in place of a field."""
    if field.isupper():
        return german(value)
    if field in (*NUMBERS, "sizes"):
        return number_said(GERMAN, value)
    if not (value.startswith('"') and value.endswith('"')):
        return value
    return QUOTED.sub("„\\1“", value).replace("“ or „", "“ oder „")


def within(found: re.Match[str]) -> list[str]:
    return [value for field, value in found.groupdict().items() if field.isupper()]
