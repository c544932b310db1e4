"""Names that are valid on Linux, macOS and Windows."""

from __future__ import annotations

import unicodedata
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotfolder.outbox.names import RESERVED, name_key, numbered_names, picture_stem, safe_name
from hotfolder.rules.delivery import Delivery
from hotfolder.rules.kinds import operation_word
from hotfolder.stager.operations import Lawn, Operation, Sky, Stage

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
    """A table for checking by eye."""
    assert safe_name(text) == name


def usual_stem(room: str, words: list[str]) -> str:
    return picture_stem(Delivery(), {**FIELDS, "room": room, "tags": "__".join(words)})


@given(
    st.text(min_size=1), st.lists(st.sampled_from(["sky-twilight-dramatic", "stage-mid-century"]), max_size=3)
)
def test_a_result_name_keeps_its_words_however_long_the_room(room: str, words: list[str]) -> None:
    """A picture's name keeps its alterations when the room's name is long."""
    stem = usual_stem(room * 50, words)
    assert stem.endswith("".join(f"__{word}" for word in words))
    assert len(stem.encode()) <= 200


def test_result_names() -> None:
    """These names are promised to scripts."""
    assert usual_stem("living-room", []) == "living-room"
    words = ["sky-twilight", "lawn-strong"]
    assert usual_stem("living-room", words) == "living-room__sky-twilight__lawn-strong"
    assert usual_stem("Bad (2)", ["sky-twilight"]) == "Bad (2)__sky-twilight"
    assert usual_stem("Raum_", []) == "Raum_" and usual_stem("a.", []) == "a"


FIELDS = {
    "project": "12 Elm Road",
    "room": "front",
    "set": "front__hero",
    "variant": "",
    "tags": "",
    "date": "2026-05-04",
    "seq": "07",
}


@pytest.mark.parametrize(
    ("template", "merged", "altered"),
    [
        ("{room}__{tags}", "front", "front__sky-blue"),
        ("{project} {seq} {room} {tags}", "12 Elm Road 07 front", "12 Elm Road 07 front sky-blue"),
        ("{tags} - {room}", "front", "sky-blue - front"),
        ("{room} ({tags})", "front", "front (sky-blue)"),
        ("{room} [{tags}] {date}", "front 2026-05-04", "front [sky-blue] 2026-05-04"),
        ("{seq}", "07", "07__sky-blue"),
        ("{set}_{date}", "front__hero_2026-05-04", "front__hero_2026-05-04__sky-blue"),
    ],
)
def test_names_from_a_template(template: str, merged: str, altered: str) -> None:
    """No separator is left over where nothing was altered, and alterations are always named."""
    delivery = Delivery(name=template)
    assert picture_stem(delivery, FIELDS) == merged
    assert picture_stem(delivery, {**FIELDS, "tags": "sky-blue"}) == altered


@given(
    st.sampled_from(["{room}__{tags}", "{tags}_{set}", "{project}-{room}", "{seq} {project} {room}"]),
    st.one_of(st.text(min_size=1), TRICKY, st.text(min_size=1).map(lambda text: text * 90)),
    st.one_of(st.text(min_size=1), TRICKY),
)
def test_names_are_legal_and_apart_whatever_folders_are_called(template: str, room: str, title: str) -> None:
    """The unaltered picture never shares a name with an altered one, on any file system."""
    fields = {**FIELDS, "room": room, "set": room, "project": title}
    names = [picture_stem(Delivery(name=template), {**fields, "tags": tags}) for tags in ("", "sky-blue")]
    assert name_key(names[0]) != name_key(names[1])
    assert all(safe_name(name) == name and len(name.encode()) <= 200 for name in names)


@pytest.mark.parametrize(
    ("operation", "word"),
    [
        (Sky(sky_type="twilight"), "sky-twilight"),
        (Sky(sky_type="twilight", sky_sub_type="dramatic"), "sky-twilight-dramatic"),
        (Sky(sky_type="blue", sky_sub_type="subtle"), "sky-blue-subtle"),
        (Lawn(lawn_type="strong"), "lawn-strong"),
        (Stage(room_style="modern"), "stage-modern"),
        (Stage(room_style="midCentury"), "stage-mid-century"),
    ],
)
def test_operation_words(operation: Operation, word: str) -> None:
    """An operation's word is its tag."""
    assert operation_word(operation) == word


def test_numbered_names_fit_every_file_system() -> None:
    """The number survives in a name of the greatest length."""
    assert list(islice(numbered_names("room", "jpg"), 3)) == ["room.jpg", "room (2).jpg", "room (3).jpg"]
    names = list(islice(numbered_names("字" * 85, ".jpeg"), 12))
    assert len(set(names)) == 12
    assert all(len(name.encode()) <= 255 for name in names)
