"""Folder names, taken apart."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotfolder.errors import RuleRefused
from hotfolder.rules.foldernames import FolderName, normal, project_name, room_name, shown, split_name

EMOJI_JOINER = "\u200d"


READ_AS = {
    "living-room__sky-twilight": ["living-room__sky-twilight"],
    "front__sky-blue__lawn-strong": ["front__sky-blue__lawn-strong"],
    "front__look-2": ["front__look-2"],
    "front__sky blue": [" front __ sky blue "],
    "front__sky-blue": [
        *("front___sky-blue", "front____sky-blue__", "front__sky-blue 2", "front__sky-blue (2)"),
        *("front__sky-blue copy", "front__sky-blue copy 2", "front__sky-blue (2) (3)"),
        *("front__sky-blue - Copy", "front__sky-blue - Copy (2)", "front__sky-blue - Copy - Copy"),
    ],
    "Bad__sky-blue": ["Bad__sky-blue Kopie 2", "Bad__sky-blue - Kopie (2)"],
    "baño__sky-blue": ["baño__sky-blue copia"],
    "Master Bedroom 2__sky-blue": ["Master Bedroom 2__sky-blue 2"],
    unicodedata.normalize("NFC", "Küche__sky-blue"): [unicodedata.normalize("NFD", "Küche__sky-blue")],
    "kitchen": ["kitchen", "kitchen copy", "kitchen copy 3", "kitchen - Copy (2)", "kitchen (2)"],
    "Bad": ["Bad Kopie"],
    "bain": ["bain - Copie"],
    "Bedroom 2": ["Bedroom 2 copy"],
    "Master Bedroom 2": ["Master Bedroom 2", "Master Bedroom 2 (2)"],
    **{name: [name] for name in ("Kopie von Bad", "Fotokopie", "copy", "photocopy", "Copy room")},
    "front_door_1": ["front_door_1"],
}


@pytest.mark.parametrize(("meant", "raw"), [(meant, raw) for meant, raws in READ_AS.items() for raw in raws])
def test_a_name_is_split_and_freed_of_what_programs_appended(meant: str, raw: str) -> None:
    """Suffixes of Finder, Explorer and our own ` (2)` are removed, a room's own number stays."""
    name, *tags = meant.split("__")
    assert split_name(raw) == FolderName(name, tuple(tags))


@pytest.mark.parametrize("raw", ["__sky-blue", "", "   ", "__", " __x (2)"])
def test_a_name_with_nothing_before_its_tags_is_refused(raw: str) -> None:
    """The picture would have no name."""
    with pytest.raises(RuleRefused, match="has no room name before its tags"):
        room_name(raw)
    with pytest.raises(RuleRefused, match="has no project name before its tags"):
        project_name(raw)


@given(st.text(max_size=60))
def test_taking_apart_twice_changes_nothing(raw: str) -> None:
    once = split_name(raw)
    assert split_name(once.name).name == once.name


@given(st.text(max_size=30), st.sampled_from([" copy", " copy 2", " (2)", " - Copy", " - Copy (7)"]))
def test_a_copy_is_read_like_the_original(raw: str, added: str) -> None:
    """Copying a folder never changes what is asked for."""
    assert split_name(raw.strip() + "__sky-blue" + added) == split_name(raw.strip() + "__sky-blue")


@given(st.text(max_size=60))
def test_what_is_shown_cannot_steer_a_terminal(text: str) -> None:
    """Escapes and direction marks in a folder's name are kept out of messages."""
    kinds = {unicodedata.category(letter) for letter in shown(text) if letter != EMOJI_JOINER}
    assert not kinds & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert normal(normal(text)) == normal(text)
