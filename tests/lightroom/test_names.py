"""Names made by the plug-in: the daemon understands them, and every file system allows them."""

from __future__ import annotations

import json
import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotfolder.inbox.contents import is_junk_folder, is_ready_name, is_temporary
from hotfolder.outbox.names import FORBIDDEN, RESERVED
from hotfolder.rules.foldernames import AGAIN, OK, project_name, room_name
from hotfolder.rules.tags import built_in_tags

pytestmark = pytest.mark.long

lua51, lua54 = (
    pytest.importorskip(f"lupa.{version}", reason="there is no lupa for this Python")
    for version in ("lua51", "lua54")
)

SHIPPED = Path(__file__).parents[2] / "hotfolder" / "setup" / "lightroom" / "plugin"
TAGS = sorted(tag.name for tag in built_in_tags().values() if tag.name not in (AGAIN, OK))
PIECES = re.split(
    ",",
    'kitchen,Bedroom 2, copy, - Copy, (2),(٢), copy 3,__,_,-, ,.,..,/,\\,:,?,*,<,|,",~,@,#,con,NUL ,com¹'
    ", Kopie, - Copie, copia 2"
    ",lpt9,aux.x,ready.txt,.ready,lost+found,#recycle,Küche,Ku\u0308che,\u00a0,\u2003,\u200b,\ufeff,\u202e"
    ",\u0085,\x07,\x7f,☀,👩\u200d🍳,日本",
)
names = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=6).map("".join))


@cache
def lua(version: str, module: str) -> Any:
    """A module in a Lua that takes and gives bytes."""
    runtime = {"5.1": lua51, "5.4": lua54}[version].LuaRuntime(encoding=None)
    return runtime.execute((SHIPPED / f"{module}.lua").read_bytes())


def legal_everywhere(name: str) -> bool:
    return (
        not FORBIDDEN & set(name)
        and not any(unicodedata.category(letter) == "Cc" for letter in name)
        and not name.endswith((".", " "))
        and not RESERVED.match(name)
        and 0 < len(name.encode()) <= 255
    )


@pytest.mark.parametrize("version", ["5.1", "5.4"])
@given(names, names, st.lists(st.sampled_from(TAGS), unique=True, max_size=3))
@settings(max_examples=1000)
def test_the_daemon_reads_names_as_meant(version: str, project: str, room: str, tags: list[str]) -> None:
    made = lua(version, "Names")
    meant = [made.clean(text.encode("utf-8", "replace"), b"room").decode() for text in (project, room)]
    folder = meant[1] + "".join(f"__{tag}" for tag in tags)
    read = room_name(folder)
    assert read.name == unicodedata.normalize("NFC", meant[1])
    assert list(read.tags) == tags
    assert project_name(meant[0]).name == unicodedata.normalize("NFC", meant[0])
    assert project_name(meant[0]).tags == ()
    for name in (meant[0], folder):
        assert legal_everywhere(name) and not is_junk_folder(name) and not is_ready_name(name), name
    assert not is_temporary(f"{meant[1]}.jpg")
    assert made.clean(meant[1].encode(), b"room").decode() == meant[1], "a clean name stays as it is"


@pytest.mark.parametrize("version", ["5.1", "5.4"])
@given(st.binary(max_size=120))
@settings(max_examples=300)
def test_whatever_bytes_a_name_has_it_becomes_utf8(version: str, name: bytes) -> None:
    assert legal_everywhere(lua(version, "Names").clean(name, b"room").decode())


def test_a_name_that_is_fine_is_left_alone() -> None:
    clean = lua("5.1", "Names").clean
    for name in (
        "12 Elm Road",
        "Bedroom 2",
        "Wohn-/Esszimmer".replace("/", "-"),
        "Kitchen (north)",
        "Kopie",
        "日本",
    ):
        assert clean(name.encode(), b"room").decode() == name


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("{title|file}", "IMG_1"),
        ("{caption}", "by the sea"),
        ("{title} - {caption}", "by the sea"),
        ("room {seq}", "room 03"),
        ("as typed", "as typed"),
        ("{titel}", None),
    ],
)
def test_a_template_takes_the_first_field_that_says_something(template: str, filled: str | None) -> None:
    runtime = lua51.LuaRuntime(unpack_returned_tuples=True)
    module = runtime.execute((SHIPPED / "Names.lua").read_text())
    fields = runtime.table_from({"title": "", "file": "IMG_1", "caption": "by the sea", "seq": "03"})
    found = module.filled(template, fields)
    assert found == filled if filled else found == (None, "titel")


json_values = st.recursive(
    st.booleans()
    | st.integers(-(2**50), 2**50)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize("version", ["5.1", "5.4"])
@given(json_values, st.booleans())
@settings(max_examples=300)
def test_json_is_read_as_it_was_written(version: str, value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert plain(lua(version, "Json").decode(text)) == encoded(value)


@pytest.mark.parametrize(
    "text", ["", "{", '{"a" 1}', "[1,]", '"a', '"\\x"', "nil", "{} x", "[1 2]", '{"a":}', "1e"]
)
def test_what_is_no_json_is_said_to_be_none(text: str) -> None:
    runtime = lua51.LuaRuntime(unpack_returned_tuples=True)
    value, why = runtime.execute((SHIPPED / "Json.lua").read_text()).decode(text)
    assert value is None
    assert why.startswith("no JSON at byte ")


def plain(value: Any) -> Any:
    """A Lua value as a Python one; an empty table is an empty list."""
    if lua51.lua_type(value) != "table" and lua54.lua_type(value) != "table":
        return value
    keys = list(value.keys())
    if all(isinstance(key, int) for key in keys):
        return [plain(value[key]) for key in range(1, len(keys) + 1)]
    return {key: plain(value[key]) for key in keys}


def encoded(value: Any) -> Any:
    """The value with all texts as UTF-8 bytes, as in Lua."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, list):
        return [encoded(one) for one in value]
    if isinstance(value, dict):
        return {encoded(name): encoded(one) for name, one in value.items()} or []
    return value
