"""Translates the program's messages about sets into the reader's language.

Reasons, hints, doubts and history are created, logged and stored in English. Only when they are shown, they
are translated by the template in `de/` that they were made from: a template is a line there, and its German
the indented line below. `{name}` stands for any value; `{NAME}` for a text that is translated itself, as the
reason within a reason.
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
"""A longer text isn't translated: it quotes text from outside."""
FIELD = re.compile(r"\{(\w+)\}")
WORD = re.compile(r"[^\W\d_]+")
END = re.compile(r"(?<=[.!?]) |; |\n")
QUOTED = re.compile(r'"([^"]*)"')
DECIMAL = re.compile(r"(?<=\d)\.(?=\d)")
NUMBERS = frozenset({"number", "count", "most", "status", "seconds", "of_seconds", "ev", "mm", "to_mm", "mb"})
"""Fields that match only a number, whose decimal point becomes a comma. A new one must be added here."""
A_NUMBER, A_NAME, A_TEXT = r"[\d.,/]+", '(?:"[^"]*"|(?![;:] )[^"])+?', ".+?"
ODD_NAME = "(?:(?![;:] ).)+?"
SOME_PATTERNS = '"[^"]*"(?: or "[^"]*")*'
"""Patterns of what a field matches: in a name, quotation marks come in pairs, but not in an ODD_NAME, such as
`12" screen`."""
LOOSE_LETTERS = 10
"""A template with fewer letters outside of its fields matches only where all texts in it are known."""


def lines_in(folder: str) -> list[str]:
    """The lines of all files in a folder beside this one, without empty lines and comments (#)."""
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
        """The parts between fields, which every matching text has; without a first letter, which may be a
        capital there."""
        first = self.english[0].isalpha()
        return tuple(part for part in FIELD.sub("\0", self.english[first:]).split("\0") if part)

    @cached_property
    def words(self) -> frozenset[str]:
        """The words that every matching text has, without those that touch a field, whose value may continue
        them."""
        inner = re.sub(r"(?<=\0)[^\W\d_]+|[^\W\d_]+(?=\0)", "", FIELD.sub("\0", self.english))
        return frozenset(WORD.findall(inner.lower()))

    @cached_property
    def has_nested_texts(self) -> bool:
        """Whether it has fields that contain texts of other templates."""
        return any(field.isupper() for field in FIELD.findall(self.english))

    @cached_property
    def is_loose(self) -> bool:
        """Whether it has so few letters besides its fields that it would match texts of others."""
        return "{" in self.english and sum(map(str.isalpha, FIELD.sub("", self.english))) < LOOSE_LETTERS

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return self._pattern(A_NAME)

    @cached_property
    def odd_pattern(self) -> re.Pattern[str]:
        return self._pattern(ODD_NAME)

    def _pattern(self, name: str) -> re.Pattern[str]:
        parts = FIELD.split(self.english)
        made = "".join(
            f"(?P<{part}>{field_pattern(part, name)})" if place % 2 else re.escape(part)
            for place, part in enumerate(parts)
        )
        first = parts[0][:1]
        if first.isalpha():
            made = f"[{first.lower()}{first.upper()}]" + made[1:]
        return re.compile(made, re.DOTALL)

    def translate(self, text: str, *, known: bool) -> str | None:
        """The German of a text without a full stop, None where the template doesn't match; with `known`, also
        where a text within isn't known."""
        if not all(literal in text for literal in self.literals):
            return None
        found = self.pattern.fullmatch(text) or ('"' in text and self.odd_pattern.fullmatch(text))
        if not found or (known and not all(map(translate_sentence, nested_texts(found)))):
            return None
        made = FIELD.sub(lambda field: format_field(field[1], found[field[1]]), self.german)
        capital = text[0].isupper() and self.english[0].islower()
        return made[0].upper() + made[1:] if capital else made


@cache
def templates() -> tuple[Template, ...]:
    """All templates, those with more letters of their own first: the first match wins."""
    lines = lines_in("de")
    made = [Template(english, german) for english, german in zip(lines[::2], lines[1::2], strict=True)]
    return tuple(sorted(made, key=lambda one: -len(FIELD.sub("", one.english))))


@cache
def template_index() -> Mapping[str, Sequence[int]]:
    """The positions of the templates, indexed by the rarest of their words; "" for those without words."""
    often = Counter(word for one in templates() for word in one.words)
    found: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(templates()):
        found[min(one.words, key=lambda word: (often[word], word), default="")].append(place)
    return found


def translate(language: str, text: str) -> str:
    """Translate a text of the program into that language; one without translation stays English."""
    return to_german(text) if language == GERMAN and text else text


def format_number(language: str, text: str) -> str:
    """A number with that language's decimal point."""
    return DECIMAL.sub(",", text) if language == GERMAN else text


def translate_room(language: str, room: str) -> str:
    """A room's name, unchanged; in that language a text in brackets, which stands in place of a name, such as
    for a whole shoot."""
    return translate(language, room) if room.startswith("(") else room


@lru_cache(maxsize=4096)
def to_german(text: str) -> str:
    """Translate part by part: the shortest known beginning that ends as a sentence does, then the rest. A
    part may begin with a name and a colon."""
    if len(text) > MOST_LETTERS:
        return text
    ends = [found.span() for found in END.finditer(text)] + [(len(text), len(text))]
    made, start = "", 0
    while start < len(text):
        here = [span for span in ends if span[0] > start]
        # One that ends within quotation marks comes last.
        here.sort(key=lambda span: text.count('"', start, span[0]) % 2)
        known = (
            (span, translate_sentence(text[start : span[0]]) or translate_after_name(text[start : span[0]]))
            for span in here
        )
        (stop, after), part = next((one for one in known if one[1]), (min(here), None))
        made += (part or text[start:stop]) + text[stop:after]
        start = after
    return made


def translate_sentence(text: str) -> str | None:
    """The German of a whole text by a single template, None where none matches."""
    plain, stop = (text[:-1], ".") if text.endswith(".") else (text, "")
    words = {"", *WORD.findall(text.lower())}
    near = [
        templates()[place]
        for place in sorted(place for word in words for place in template_index().get(word, ()))
    ]
    # A name matches any words, also those of the text around: that is tried first.
    tried = [(one, True) for one in near if one.has_nested_texts] + [(one, one.is_loose) for one in near]
    for one, known in tried:
        made = one.translate(plain, known=known)
        if made is not None:
            return made if made.endswith(("!", "?")) else made + stop
    return None


def translate_after_name(text: str) -> str | None:
    """The German of a text after a name and a colon, such as `hall-01: it has 1 frame`; None where the rest
    isn't known."""
    about, colon, rest = text.partition(": ")
    told = translate_sentence(rest) if colon and rest else None
    return f"{about}: {told}" if told is not None else None


def field_pattern(field: str, name: str) -> str:
    """The regular expression that a field's values match; for a name it is `name`."""
    if field in NUMBERS:
        return A_NUMBER
    return SOME_PATTERNS if field == "patterns" else A_TEXT if field.isupper() else name


def format_field(field: str, value: str) -> str:
    """A field's value for a German text: texts translated, decimal points and quotation marks replaced."""
    if field.isupper():
        return to_german(value)
    if field in (*NUMBERS, "sizes"):
        return format_number(GERMAN, value)
    if not (value.startswith('"') and value.endswith('"')):
        return value
    if value.count('"') % 2:
        return f"„{value[1:-1]}“"
    return QUOTED.sub("„\\1“", value).replace("“ or „", "“ oder „")


def nested_texts(found: re.Match[str]) -> list[str]:
    """The values of the fields that contain texts of other templates."""
    return [value for field, value in found.groupdict().items() if field.isupper()]
