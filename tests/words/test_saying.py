"""German for the product's texts about sets: every text that the code can make has a translation."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as some

from hotfolder.rules.kinds import FAMILIES
from hotfolder.stager.operations import PAID_KINDS
from hotfolder.words.saying import FIELD, NUMBERS, templates, translate, translate_room
from tests.support.texts import HOLES, ROOT, is_covered, made_in, sentences, skeleton

# Modules whose texts become a reason, a hint, a doubt or a line of history, or are shown on the page.
SAYING = (
    "pictures",
    "inbox",
    "stager",
    "jobs",
    "rules",
    "blocking.py",
    "newfiles.py",
    "outbox/faults.py",
    "outbox/gallery.py",
    "outbox/outputs.py",
    "outbox/linking.py",
    "outbox/placing.py",
    "outbox/returning.py",
    "telemetry/overview.py",
    "telemetry/history.py",
    "telemetry/statusfile.py",
    "daemon/reporter.py",
    "daemon/shoots.py",
    "control/actions.py",
    "control/held.py",
    "control/rooms.py",
    "control/gallery.py",
    "page/reading.py",
    "page/serving.py",
    "page/zipping.py",
)
# Modules whose texts are for others: authors of settings, users of the doctor or `explain`, and SQLite.
ELSEWHERE = (
    "rules/explain.py",
    "rules/delivery.py",
    "rules/hours.py",
    "jobs/migrations",
    "jobs/gallery.py",
    "jobs/verify.py",
    "jobs/retention.py",
    "stager/addresses.py",
)
# Texts in the other modules that photographers don't see.
OTHERS = {
    "pictures/decoder.py": [
        "import json, sys",
        "from hotfolder.pictures.childprocess import main",
        "the decoder is closed",
    ],
    "inbox/contents.py": ["system volume information"],
    "stager/answers.py": ["not a word"],
    "stager/storage.py": ["an upload"],
    "jobs/steps/filing.py": ["folder names"],
    "jobs/model.py": ["state IN ({})"],
    "jobs/access.py": ["There is no shared link {}."],
    "jobs/commands.py": [
        "Give a job's id, a project's folder, or project/room, as `hotfolder status` shows them.",
        "Several inboxes have a {}.",
        "Add --inbox with one of: {}.",
    ],
    "jobs/heldsets.py": ["held in {}"],
    "jobs/journal.py": ["given up:"],
    "jobs/queries.py": ["Give its id, or PROJECT/ROOM, as `hotfolder status` shows them."],
    "jobs/upgrade.py": ["hotfolder 0.1.0 with format 9 of the store"],
    "jobs/postgres.py": [
        "Give hotfolder a database of its own, as docs/cluster.md shows.",
        "the job store in the database {}",
        "it is no text",
        "the server said nothing for {} s",
        "has_schema_privilege(current_schema(), 'CREATE') AS may_create",
    ],
    "telemetry/history.py": ["may be paid"],
    "daemon/shoots.py": ["kept out of {}/{}"],
    "outbox/faults.py": ["can't start new thread"],
    "outbox/linking.py": ["no way to rename without replacing"],
    "outbox/placing.py": ["it isn't there any more", "it has changed since it was put there"],
    "control/actions.py": ["There is no priority {}.", "Say high, normal or low."],
    # These follow "A set can't be called …", which is translated, and so are these by themselves.
    "control/held.py": [
        "{}: two underscores begin a tag.",
        "{}: not every computer takes that as a file's name.",
    ],
    "page/serving.py": ["the file has become shorter"],
}
KNOWN = {skeleton(one.english) for one in templates()}


def modules() -> Iterator[str]:
    for place in SAYING:
        files = sorted((ROOT / place).rglob("*.py")) if (ROOT / place).is_dir() else [ROOT / place]
        names = (str(file.relative_to(ROOT)) for file in files)
        yield from (name for name in names if not name.startswith(ELSEWHERE))


def test_every_text_of_the_code_has_its_german() -> None:
    """A new reason goes into `hotfolder/words/de/`; a text that nobody reads as a reason, into the list
    above."""
    lacking = [
        f"{module}:{line}: {part}"
        for module in modules()
        for line, text in made_in(ROOT / module)
        for part in sentences(text)
        if re.search(r"[A-Za-z]{2,} [A-Za-z`]", HOLES.sub("", part))
        and HOLES.sub("{}", part) not in OTHERS.get(module, [])
        and not is_covered(part, KNOWN)
    ]
    assert not lacking


def test_every_word_for_an_operation_has_its_german() -> None:
    """The check above looks at texts of two words and more only."""
    of_tags = [(one.display_name, one.disclosure, one.missing_part, one.choice) for one in FAMILIES.values()]
    words = {*chain.from_iterable(of_tags), *PAID_KINDS.values()}
    assert words <= {one.english for one in templates()}


def test_a_template_has_the_same_fields_in_both_languages() -> None:
    assert not [
        one for one in templates() if sorted(FIELD.findall(one.english)) != sorted(FIELD.findall(one.german))
    ]


def test_a_field_before_a_unit_is_a_number() -> None:
    """Else its decimal point would stay one in German."""
    before_units = re.compile(r"\{(\w+)\} (?:s|mm|EV|KiB|MB|GB|seconds|minutes|Megapixel)\b")
    fields = {field for one in templates() for field in before_units.findall(one.german)}
    assert "seconds" in fields and fields <= NUMBERS


def test_german_has_german_quotation_marks() -> None:
    """Text to be typed keeps plain ones."""
    texts = [re.sub("`[^`]*`", "", one.german) for one in templates()]
    assert not [text for text in texts if '"' in text or "”" in text or text.count("„") != text.count("“")]


def test_no_template_stands_twice() -> None:
    english = [one.english for one in templates()]
    assert len(set(english)) == len(english)


@pytest.mark.parametrize(
    ("english", "german"),
    [
        (
            'Unknown tag "sky-x" in the folder name "St. James. 2__sky-x"; did you mean "sky-blue"?',
            "Unbekanntes Tag „sky-x“ im Ordnernamen „St. James. 2__sky-x“; gemeint war „sky-blue“?",
        ),
        (
            "Nobody here can tell whether the HDR merge was charged: it was not completed within 60 s"
            ' (last: "processing"), and its answer says success: false: “no credit”',
            "Ob der HDR-Merge berechnet wurde, lässt sich hier nicht feststellen: nach 60 s war er nicht"
            ' fertig (zuletzt: "processing"), und ihre Antwort sagt success: false: „no credit“',
        ),
        (
            "a.jpg is not complete: the file breaks off before the picture's end. So it is with 2"
            " more of 3 photos.",
            "a.jpg ist unvollständig: Die Datei bricht vor dem Ende des Bildes ab. Ebenso 2 weitere"
            " von 3 Fotos.",
        ),
        (
            "nobody here can tell whether the sky replacement was charged: the connection was lost after the"
            " request was sent",
            "Ob der neue Himmel berechnet wurde, lässt sich hier nicht feststellen: Die Verbindung riss ab,"
            " nachdem die Anfrage gesendet war",
        ),
        (
            "2 sets, held for a person: hall-01: it has 1 frame where others have 5; a.jpg and b.jpg show"
            " different pictures; and 4 more",
            "2 Sets warten, bis jemand geschaut hat: hall-01: es hat 1 Aufnahme, andere haben 5; a.jpg und"
            " b.jpg zeigen verschiedene Bilder; und 4 weitere",
        ),
        (
            "The HDR merge was accepted; it brought 3000 × 2000 JPEG, 1.2 MB.",
            "Der HDR-Merge wurde angenommen; das Ergebnis: 3000 × 2000 JPEG, 1,2 MB.",
        ),
        (
            'The tags "sky-blue" and "x" in the folder name "a__sky-blue__x" contradict each other: a picture'
            " gets one sky operation.",
            "Die Tags „sky-blue“ und „x“ im Ordnernamen „a__sky-blue__x“ widersprechen sich: Ein Bild bekommt"
            " nur eines der Art „Himmel“.",
        ),
        (
            "IMG_7.jpg is another export of IMG_7.jpg of Elm-03, which has been paid for. Such photos are not"
            " paid for by themselves.",
            "IMG_7.jpg ist ein anderer Export von IMG_7.jpg von Elm-03; dieses Set ist schon bezahlt. Solche"
            " Fotos werden nicht von selbst bezahlt.",
        ),
        (
            'Unknown tag "sky-x" in the folder name "12" wall__sky-x"; did you mean "sky-blue"?',
            'Unbekanntes Tag „sky-x“ im Ordnernamen „12" wall__sky-x“; gemeint war „sky-blue“?',
        ),
        (
            "12\".jpg is not complete: the file breaks off before the picture's end. So it is with 2 more"
            " of 3 photos.",
            '12".jpg ist unvollständig: Die Datei bricht vor dem Ende des Bildes ab. Ebenso 2 weitere'
            " von 3 Fotos.",
        ),
        (
            '12"-01: 12".jpg and 15".jpg show different pictures',
            '12"-01: 12".jpg und 15".jpg zeigen verschiedene Bilder',
        ),
        (
            'Left alone in 12" wall: a.jpg has the same content as b.jpg, which is used. It stays there; move'
            " it away when you don't need it.",
            'In 12" wall liegen gelassen: a.jpg hat denselben Inhalt wie b.jpg, das verwendet wird. Es'
            " bleibt dort; wird es nicht gebraucht, bitte wegräumen.",
        ),
        ("/srv/photos/done: the disk is full", "/srv/photos/done: Das Laufwerk ist voll"),
        ("The disk is full.", "Das Laufwerk ist voll."),
        (
            "Left alone in Elm: a.jpg has the same content as b.jpg, which is used. It stays there; move it"
            " away when you don't need it.",
            "In Elm liegen gelassen: a.jpg hat denselben Inhalt wie b.jpg, das verwendet wird. Es bleibt"
            " dort; wird es nicht gebraucht, bitte wegräumen.",
        ),
        ('room "Küche" does not match "k*" or "bad*"', "Raum „Küche“ passt nicht zu „k*“ oder „bad*“"),
        ('a tag matches "sky-*" and 3 photos', "ein Tag passt zu „sky-*“ und 3 Fotos"),
        ("the exposure 1/30 s came back", "die Belichtung 1/30 s kam wieder"),
        ("the exposure 0.5 s came back", "die Belichtung 0,5 s kam wieder"),
        ("3 photos, quiet for 4 of 7.5 s", "3 Fotos, seit 4 von 7,5 s unverändert"),
        (
            "The API refused the HDR merge: no such group. Nothing was charged for it.",
            "Der HDR-Merge wurde von der API abgelehnt: no such group. Berechnet wurde dafür nichts.",
        ),
    ],
)
def test_a_text_is_found_by_its_template(english: str, german: str) -> None:
    """This includes parts, parts within others, and any capital or full stop; values stay as they are."""
    assert translate("de", english) == german
    assert translate("en", english) == english


@given(some.text())
def test_what_is_not_ours_stays_as_it_is(text: str) -> None:
    """The same goes for texts that can't be looked up at all."""
    assert translate("en", text) == text
    assert isinstance(translate("de", text), str)


def test_a_text_without_german_is_shown_in_english() -> None:
    text = "Nobody has translated this one. Nor that."
    assert translate("de", text) == text


def test_a_room_keeps_its_name_and_a_whole_shoot_is_none() -> None:
    """Any other meaning of the name doesn't matter."""
    assert translate_room("de", "done") == "done" and translate_room("de", "the photo") == "the photo"
    assert translate_room("de", "(the whole shoot)") == "(das ganze Shooting)"


def test_names_made_to_be_slow_to_look_up_are_not() -> None:
    """A folder's name may hold any words, also those of the templates."""
    name = " and , which has been paid for, would become one set; it has where others have " * 20
    for one in (name, name.replace(" has ", ' has "')):
        began = time.process_time()
        translate("de", f"{one} and {one} show different pictures. {one}")
        assert time.process_time() - began < 5
