"""The page's catalogue of words is complete in both languages; names are text, whatever they hold, and pages
show no paths."""

from __future__ import annotations

import re
import string
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jinja2 import nodes

from hotfolder.config.load import load
from hotfolder.display import sentence, visible_lines
from hotfolder.page.site import hide_folders, site_for, template_environment
from hotfolder.page.templating import Words
from hotfolder.words import CATALOGUE, accepted_language
from hotfolder.words.saying import lines_in

TEMPLATES = sorted(template_environment().list_templates(["html"]))


def fields(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("key", CATALOGUE)
def test_both_languages_say_it_with_the_same_values(key: str) -> None:
    english, german = CATALOGUE[key]
    assert english.strip() and german.strip()
    assert fields(english) == fields(german)


def test_no_key_is_written_twice() -> None:
    keys = lines_in("pages")[::3]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_word_of_a_template_is_in_the_catalogue(name: str) -> None:
    """A composed key begins like some existing keys."""
    environment = template_environment()
    assert environment.loader is not None
    source, _, _ = environment.loader.get_source(environment, name)
    calls = environment.parse(source).find_all(nodes.Call)
    asked = [call for call in calls if isinstance(call.node, nodes.Name) and call.node.name == "t"]
    for call in asked:
        key = call.args[0]
        if isinstance(key, nodes.Const):
            assert key.value in CATALOGUE
        elif isinstance(key, nodes.Concat) and isinstance(key.nodes[0], nodes.Const):
            assert any(one.startswith(key.nodes[0].value) for one in CATALOGUE)


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("", "en"), ("de", "de"), ("de-CH,en;q=0.9", "de"), ("fr, de;q=0.2, en;q=0.1", "de")],
)
def test_a_browser_gets_the_language_that_it_prefers(accepted: str, language: str) -> None:
    assert accepted_language(accepted) == language


def test_a_sentence_begins_with_a_capital_but_not_in_a_files_name() -> None:
    assert Words("en").sentence("the disk is full: /srv/photos") == "The disk is full: /srv/photos"
    assert Words("en").sentence("a.webp is empty.") == sentence("a.webp is empty") == "a.webp is empty."
    assert Words("de").sentence("a.jpg is empty") == "a.jpg ist leer"
    for rest in ("the picture /done/a.jpg can't be read", "the upload to storage.example was answered 500"):
        assert Words("en").sentence(rest) == "T" + rest[1:]


def test_a_set_is_called_the_same_on_every_page() -> None:
    """`Satz` would read as "sentence"."""
    assert not [key for key, (_, german) in CATALOGUE.items() if re.search(r"\b(Satz|Sätze)", german)]


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
    assert hide_folders(text.replace("{root}", str(tmp_path)), settings) == shown
    site = site_for(tmp_path / "config.yaml", {})
    page = site.templates.from_string("{{ text }}").render(text=text.replace("{root}", str(tmp_path)))
    assert str(tmp_path) not in page
