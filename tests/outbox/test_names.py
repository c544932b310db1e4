"""Names that Linux, macOS and Windows can all keep."""

from __future__ import annotations

import unicodedata
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotfolder.outbox.names import RESERVED, numbered, operation_word, result_stem, safe_name
from hotfolder.stager.operations import Lawn, Operation, Sky, Stage
from hotfolder.stager.vocabulary import LawnType, RoomStyle, SkySubType, SkyType

TRICKY = st.text(
    alphabet=st.sampled_from('CONnulaux123com0¹.  ./\\:*?"<>|\u202e\u200f\ufeffé\u0301\n\t\0ß字')
)


@given(st.one_of(st.text(), TRICKY, TRICKY.map(lambda text: "NUL" + " " * 300 + text)))
def test_a_safe_name_is_safe_whatever_went_in(text: str) -> None:
    name = safe_name(text)
    assert safe_name(name) == name
    assert 0 < len(name.encode()) <= 200
    assert not RESERVED.match(name)
    assert not set(name) & set('<>:"/\\|?*\n\t\0\u202e\u200f\ufeff')
    assert name == name.strip(" .")
    assert unicodedata.is_normalized("NFC", name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("living-room", "living-room"),
        ("Master Bedroom 2", "Master Bedroom 2"),
        ("a/b\\c:d", "abcd"),
        ("../../etc/passwd", "etcpasswd"),
        ("CON", "CON_"),
        ("nul.txt", "nul_.txt"),
        ("com¹", "com¹_"),
        ("console", "console"),
        ("room. . ", "room"),
        (".hidden", "hidden"),
        (".hotfolder-tmp-1", "hotfolder-tmp-1"),
        ("cafe\u0301", "café"),
        ("evil\u202egpj.exe", "evilgpj.exe"),
        ("bad\udcffname", "badname"),
        ("...", "unnamed"),
        ("", "unnamed"),
        ("字" * 100, "字" * 66),
    ],
)
def test_known_names(text: str, name: str) -> None:
    """The table that a reader can check by eye."""
    assert safe_name(text) == name


@given(
    st.text(min_size=1), st.lists(st.sampled_from(["sky-twilight-dramatic", "stage-mid-century"]), max_size=3)
)
def test_a_result_name_keeps_its_words_however_long_the_room(room: str, words: list[str]) -> None:
    """A picture that names its alterations must go on naming them when the room's name is long."""
    stem = result_stem(room * 50, words)
    assert stem.endswith("".join(f"__{word}" for word in words))
    assert len(stem.encode()) <= 200


def test_result_names() -> None:
    """The names that DESIGN promises to scripts."""
    assert result_stem("living-room", []) == "living-room"
    assert (
        result_stem("living-room", ["sky-twilight", "lawn-strong"])
        == "living-room__sky-twilight__lawn-strong"
    )


@pytest.mark.parametrize(
    ("operation", "word"),
    [
        (Sky(sky_type=SkyType.TWILIGHT), "sky-twilight"),
        (Sky(sky_type=SkyType.TWILIGHT, sky_sub_type=SkySubType.DRAMATIC), "sky-twilight-dramatic"),
        (Sky(sky_type=SkyType.BLUE, sky_sub_type=SkySubType.SUBTLE), "sky-blue-subtle"),
        (Lawn(lawn_type=LawnType.STRONG), "lawn-strong"),
        (Stage(room_style=RoomStyle.MODERN), "stage-modern"),
        (Stage(room_style=RoomStyle.MID_CENTURY), "stage-mid-century"),
    ],
)
def test_operation_words(operation: Operation, word: str) -> None:
    """An operation is named by the tag that asks for it."""
    assert operation_word(operation) == word


def test_numbered_names_fit_every_file_system() -> None:
    """The number survives a name that is already as long as names may be."""
    assert list(islice(numbered("room", "jpg"), 3)) == ["room.jpg", "room (2).jpg", "room (3).jpg"]
    names = list(islice(numbered("字" * 85, ".jpeg"), 12))
    assert len(set(names)) == 12
    assert all(len(name.encode()) <= 255 for name in names)
