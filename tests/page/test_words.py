"""The page's catalogue of words: complete in both languages, and with every key of the templates."""

from __future__ import annotations

import re
import string

import pytest
from jinja2 import nodes

from hotfolder.page.site import template_environment
from hotfolder.page.templating import Words
from hotfolder.telemetry.history import sentence
from hotfolder.words import CATALOGUE, language_of
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
    assert language_of(accepted) == language


def test_a_sentence_begins_with_a_capital_but_not_in_a_files_name() -> None:
    assert Words("en").sentence("the disk is full: /srv/photos") == "The disk is full: /srv/photos"
    assert Words("en").sentence("a.webp is empty.") == sentence("a.webp is empty") == "a.webp is empty."
    assert Words("de").sentence("a.jpg is empty") == "a.jpg ist leer"
    for rest in ("the picture /done/a.jpg can't be read", "the upload to storage.example was answered 500"):
        assert Words("en").sentence(rest) == "T" + rest[1:]


def test_a_set_is_called_the_same_on_every_page() -> None:
    """`Satz` would read as "sentence"."""
    assert not [key for key, (_, german) in CATALOGUE.items() if re.search(r"\b(Satz|Sätze)", german)]
