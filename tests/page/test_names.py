"""Names on a page are text, whatever they hold, and pages show no paths."""

from __future__ import annotations

import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hotfolder.config.load import load
from hotfolder.display import visible_lines
from hotfolder.page.site import site_for, template_environment, without_folders

TEMPLATE = '<p title="{{ name }}"><a href="/x">{{ name }}</a></p>'
PIECES = [*"<>\"'&\0\u202e\udcffé\n\r", "&lt;", "<script>", "{{", "}}", "{%", "e\u0301"]
NAMES = st.text(max_size=40) | st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


class Found(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[str]]] = []
        self.text = ""
        self.title: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, [name for name, _ in attrs]))
        self.title = dict(attrs).get("title", self.title)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(NAMES)
@example("<img src=x onerror=alert(1)>")
@example('" onmouseover="alert(1)')
@example("{{ 7 * 7 }}")
@example("Ku\u0308che")
def test_no_markup_of_a_name_survives(name: str) -> None:
    page = template_environment().from_string(TEMPLATE).render(name=name)
    page.encode()
    found = Found()
    found.feed(page)
    found.close()
    assert found.tags == [("p", ["title"]), ("a", ["href"])]
    assert found.text == visible_lines(name) and found.title == visible_lines(name)
    assert not any(unicodedata.category(letter) in ("Cs", "Cf") for letter in page if letter != "\u200d")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{root}/inbox/12 Elm Road/front is there already", "inbox/12 Elm Road/front is there already"),
        ("No photos lie in {root}/inbox itself.", "No photos lie in inbox itself."),
        (
            "the job store {root}/state/jobs.sqlite can't be read",
            "the job store state/jobs.sqlite can't be read",
        ),
        ("{root}: no permission", "root: no permission"),
        ("config.yaml, /etc/hotfolder/config.yaml:3:1: wrong", "config.yaml, config.yaml:3:1: wrong"),
        ("Der Ordner „/srv/photos/Küche“ ist nicht lesbar", "Der Ordner „Küche“ ist nicht lesbar"),
        ("front / back, 3/4 of https://example.org/a/b/c", "front / back, 3/4 of https://example.org/a/b/c"),
    ],
)
def test_no_text_tells_where_the_folders_lie(tmp_path: Path, text: str, shown: str) -> None:
    (tmp_path / "config.yaml").write_text("root: .\n")
    settings = load(tmp_path / "config.yaml", {})
    assert without_folders(text.replace("{root}", str(tmp_path)), settings) == shown
    site = site_for(tmp_path / "config.yaml", {})
    page = site.templates.from_string("{{ text }}").render(text=text.replace("{root}", str(tmp_path)))
    assert str(tmp_path) not in page
