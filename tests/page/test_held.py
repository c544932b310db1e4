"""A held shoot on the page: regrouped, priced, approved; and the explanation of any folder."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from hotfolder.control.held import why_no_name
from hotfolder.control.lookup import folder_id, project_id
from hotfolder.outbox.names import safe_name
from tests.support.pageprocess import Answer, PageProcess, set_password
from tests.support.pictures import bracket, jpeg
from tests.support.rolls import shoot
from tests.support.studio import ELM, MakeStudio, Shop, Studio, files_below

pytestmark = pytest.mark.long

REVIEW = [{"name": "all", "match": {"room": "*"}, "group": "review"}]
SHOOT, KITCHEN = folder_id("inbox", ELM, ""), folder_id("inbox", ELM, "kitchen")


@pytest.fixture
def studio(at_work: MakeStudio) -> Studio:
    kitchens = {"name": "kitchens", "match": {"room": "Kitchen"}, "operations": ["sky-blue"]}
    return at_work(prices={"currency": "EUR", "merge": "0.50", "sky": "0.80"}, routes=[kitchens, *REVIEW])


class Form(HTMLParser):
    """A form of a page: its fields in order, the keys of the photos to pick, and its buttons."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self.photos: dict[str, str] = {}
        self.buttons: dict[str, str] = {}
        self._picking = ""
        self._button: dict[str, str | None] | None = None
        self._small = False
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        name, value = told.get("name"), told.get("value") or ""
        if tag == "input" and name == "pick":
            self._picking = value
        elif tag == "input" and name:
            self.fields.append((name, value))
        self._button = told if tag == "button" and name == "do" else self._button
        self._small = tag == "small"

    def handle_endtag(self, tag: str) -> None:
        self._button, self._small = None if tag == "button" else self._button, False
        self._picking = "" if tag == "li" else self._picking

    def handle_data(self, data: str) -> None:
        if self._small and self._picking:
            self.photos[data] = self._picking
        elif self._button is not None and "disabled" not in self._button:
            self.buttons.setdefault(data, self._button["value"] or "")

    @property
    def sets(self) -> dict[str, list[str]]:
        """The names of each set's photos."""
        names = {key: name for name, key in self.photos.items()}
        values = [value for field, value in self.fields if field in ("name", "photos")]
        return {
            name: [names[key] for key in keys.split()]
            for name, keys in zip(values[::2], values[1::2], strict=True)
        }

    def named(self, before: str, after: str) -> Form:
        self.fields = [(field, after if value == before else value) for field, value in self.fields]
        return self

    def post(self, page: PageProcess, do: str, *picked: str, to: str = "new") -> Answer:
        fields = [*self.fields, *(("pick", self.photos[name]) for name in picked), ("to", to), ("do", do)]
        sent = page.post(f"/held/{SHOOT}", fields)
        location = sent.headers.get("location", "")
        return page.read(location) if location.startswith("/held/") else sent


def held_sets(status: dict[str, Any]) -> set[str]:
    return {job["room"] for job in status["jobs"] if job["held"]}


def waits(studio: Studio, files: dict[str, bytes], folder: str = "") -> Path:
    dropped = studio.drop(ELM, folder, files)
    studio.wait_until(lambda status: any(job["held"] for job in status["jobs"]))
    return dropped


def shoot_waits(studio: Studio, **shot: Any) -> tuple[Path, list[list[str]]]:
    files, sets, _ = shoot(**shot)
    return waits(studio, files), sets


def test_one_set_is_approved_after_a_frame_moved_and_exactly_its_calls_are_paid(
    studio: Studio, shop: Shop, page: PageProcess
) -> None:
    _, sets = shoot_waits(studio)
    seen = page.read(f"/held/{SHOOT}")
    form = Form(seen)
    assert list(form.sets.values()) == sets
    # Exposures are relative to the middle one.
    told = re.findall(r"<span>([^<]*) EV</span>", seen.text)
    assert told == ["0", "−4", "−2", "+2", "+4"] * 3
    moved = form.post(page, "move", sets[1][0], to="0")
    form = Form(moved)
    assert moved.status == 200 and list(form.sets.values()) == [[*sets[0], sets[1][0]], sets[1][1:], sets[2]]
    named = form.named(f"{ELM}-01", "Kitchen").post(page, "look")
    form = Form(named)
    assert "2 paid calls" in named.text and "1.30 EUR" in named.text
    assert form.buttons["Approve this set"] == "approve 0 merge,sky" and shop.bought() == 0
    after = form.post(page, form.buttons["Approve this set"])
    assert "Approved. It begins in a moment." in after.text
    assert list(Form(after).sets.values()) == [sets[1][1:], sets[2]]
    studio.wait_until(
        lambda status: {job["room"]: job["state"] for job in status["jobs"]}.get("Kitchen") == "done"
    )
    studio.wait_until(lambda status: held_sets(status) == {f"{ELM}-02", f"{ELM}-03"})
    assert shop.bought() == 2
    assert studio.filed().keys() == {f"Kitchen/{name}" for name in (*sets[0], sets[1][0])}
    [made] = [job["job"] for job in studio.status()["jobs"] if job["room"] == "Kitchen"]
    told = re.findall(r"<span>([^<]*) EV", page.get(f"/set/{made}").text)
    assert told == ["−4", "−2", "0", "0", "+2", "+4"]


def test_what_is_approved_while_nothing_runs_or_is_paid_for_is_said_to_wait(
    studio: Studio, page: PageProcess
) -> None:
    """By each page that an approval may lead to."""
    shoot_waits(studio)
    studio.call("pause")
    some = Form(page.read(f"/held/{SHOOT}"))
    after = some.post(page, some.buttons["Approve this set"])
    assert "Approved. It begins in a moment." in after.text and "No paid calls are made" in after.text
    studio.runs[-1].stop()
    every = Form(page.read(f"/held/{SHOOT}"))
    went_on = every.post(page, every.buttons["Approve all"]).headers["location"]
    told = html.unescape(page.read(went_on).text)
    assert "Approved. It begins in a moment." in told and "hotfolder isn't running" in told


def test_what_no_page_of_ours_posts_approves_nothing(studio: Studio, shop: Shop, page: PageProcess) -> None:
    _, sets = shoot_waits(studio)
    shown = Form(page.read(f"/held/{SHOOT}"))
    for do, picked, to in (
        ("join " + "9" * 5000, "real", "new"),
        ("move", "real", "9" * 5000),
        ("move", "nothing", "new"),
        ("approve 999 merge", "real", "new"),
        ("approve 0 merge,sky,stage", "real", "new"),
        ("approve", "real", "new"),
    ):
        form = copy(shown)
        form.photos = {"real": shown.photos[sets[0][0]], "nothing": "nothing"}
        assert form.post(page, do, picked, to=to).status < 500
        assert held_sets(studio.status()) == {"(the whole shoot)"} and not shop.bought(), do
    empty = copy(shown)
    empty.fields = [(name, "" if name == "photos" else value) for name, value in shown.fields]
    assert empty.post(page, "approve all merge").status == 409 and not shop.bought()


def test_sets_are_split_and_joined_and_all_approved(studio: Studio, shop: Shop, page: PageProcess) -> None:
    _, sets = shoot_waits(studio, stops=[0.0, -2.0, 2.0])
    form = Form(Form(page.read(f"/held/{SHOOT}")).post(page, "join 2"))
    assert list(form.sets.values()) == [sets[0], [*sets[1], *sets[2]]]
    form = Form(form.post(page, "move", *sets[0][:2], to="new"))
    assert list(form.sets.values()) == [sets[0][2:], sets[0][:2], [*sets[1], *sets[2]]]
    every = form.sets
    assert form.buttons["Approve all"] == "approve all merge,merge,merge"
    done = form.post(page, form.buttons["Approve all"])
    told = f"/project/{project_id('inbox', ELM)}?told=approved"
    assert done.status == 303 and done.headers["location"] == told
    assert "Approved. It begins in a moment." in page.get(told).text
    studio.wait_for_states("done", "done", "done")
    assert shop.bought() == 3
    assert studio.filed().keys() == {f"{name}/{one}" for name, names in every.items() for one in names}


def test_what_keeps_sets_from_being_approved_stands_beside_them(
    studio: Studio, shop: Shop, page: PageProcess
) -> None:
    """A name used twice, and too many photos for one picture: whoever joined them may correct it here."""
    waits(studio, shoot()[0])
    same = Form(page.read(f"/held/{SHOOT}")).named(f"{ELM}-01", f"{ELM}-02".upper()).post(page, "look")
    assert "the project has a set" in same.text and "Approve all" not in Form(same).buttons
    joined = Form(page.read(f"/held/{SHOOT}")).post(page, "join 1")
    assert "A picture is made of at most 7 photos; these are 10." in joined.text
    assert "a folder of its own" not in joined.text
    german = page.read(f"/held/{SHOOT}?lang=de")
    told = page.post(f"/held/{SHOOT}", [*Form(german).fields, ("do", "join 1")]).headers["location"]
    assert "Ein Bild entsteht aus höchstens 7 Fotos" in page.read(told).text
    assert not shop.bought()


def test_what_else_was_put_together_stays_when_one_set_is_approved(studio: Studio, page: PageProcess) -> None:
    _, sets = shoot_waits(studio)
    form = Form(Form(page.read(f"/held/{SHOOT}")).post(page, "join 1"))
    form = Form(form.post(page, "move", *sets[0][2:], *sets[1][2:]))
    assert [len(names) for names in form.sets.values()] == [4, 6, 5]
    done = form.post(page, "approve 2 merge")
    assert done.status == 200 and "Approved. It begins in a moment." in done.text
    assert [len(names) for names in Form(done).sets.values()] == [4, 6]


def test_what_a_review_holds_still_is_not_said_to_be_doubtful(studio: Studio, page: PageProcess) -> None:
    waits(studio, shoot()[0])
    Form(page.read(f"/held/{SHOOT}")).post(page, "approve 0 merge")
    studio.wait_until(lambda status: held_sets(status) == {f"{ELM}-02", f"{ELM}-03"})
    after = page.read(f"/held/{SHOOT}").text
    assert "Its route asks for a review." in after and "beyond doubt" not in after


def test_what_was_put_together_is_in_the_address_until_its_photos_change(
    studio: Studio, page: PageProcess
) -> None:
    folder, sets = shoot_waits(studio)
    form = Form(page.read(f"/held/{SHOOT}")).named(f"{ELM}-01", "Küche & <Bad>")
    fields = [*form.fields, ("do", "join 2")]
    sent = page.post(f"/held/{SHOOT}", fields)
    address = sent.headers["location"]
    assert sent.status == 303 and address.startswith(f"/held/{SHOOT}?")
    expected = {"Küche & <Bad>": sets[0], f"{ELM}-02": [*sets[1], *sets[2]]}
    seen = page.read(address)
    assert Form(seen).sets == expected and Form(page.read(address)).sets == expected
    [other] = re.findall(r'class="language" href="([^"]*)"', seen.text)
    german = page.read(f"/held/{SHOOT}{html.unescape(other)}")
    assert Form(german).sets == expected and '<html lang="de">' in german.text
    (folder / sets[0][2]).unlink()
    stale = page.read(f"{address}&lang=en")
    assert "have changed since you looked" in stale.text and f"{ELM}-03" in Form(stale).sets


def test_a_form_that_is_sent_twice_ends_at_one_page(studio: Studio, shop: Shop, page: PageProcess) -> None:
    waits(studio, shoot()[0])
    form = Form(page.read(f"/held/{SHOOT}"))
    with ThreadPoolExecutor() as clicks:
        twice = list(clicks.map(lambda _: form.post(page, form.buttons["Approve this set"]), range(2)))
    assert all("Approved. It begins in a moment." in one.text for one in twice)
    studio.wait_until(lambda status: any(job["state"] == "done" for job in status["jobs"]))
    studio.wait_until(lambda status: len(held_sets(status)) == 2)  # once the rest was grouped anew
    assert shop.bought() == 1


def test_what_was_not_shown_is_not_bought(studio: Studio, shop: Shop, page: PageProcess) -> None:
    """The set was renamed at the moment of its approval, and the new name's route would buy more."""
    folder, _ = shoot_waits(studio)
    form = Form(page.read(f"/held/{SHOOT}")).named(f"{ELM}-01", "Kitchen")
    refused = form.post(page, form.buttons["Approve this set"])
    assert refused.status == 409 and "other paid calls than were shown" in refused.text
    assert not (folder / ".ready").exists() and shop.bought() == 0


@pytest.mark.parametrize(
    "change",
    [
        {"prices": {"currency": "EUR", "merge": "5.00", "sky": "0.80"}},
        {"routes": [{**REVIEW[0], "operations": ["sky-twilight"]}]},
        {"hdr": {"perspectiveCorrection": False}},
    ],
    ids=["price", "another sky", "another merge"],
)
@pytest.mark.parametrize("folder", ["", "kitchen"], ids=["shoot", "room"])
def test_what_was_shown_by_other_rules_or_prices_is_asked_again(
    studio: Studio, shop: Shop, page: PageProcess, folder: str, change: dict[str, Any]
) -> None:
    studio.edit(routes=[{**REVIEW[0], "operations": ["sky-blue"]}])
    dropped = waits(studio, bracket() if folder else shoot()[0], folder)
    held = f"/held/{folder_id('inbox', ELM, folder)}"
    form = Form(page.read(held))
    approval = [*form.fields, ("do", form.buttons["Approve this room" if folder else "Approve all"])]
    studio.edit(**change)
    refused = page.post(held, approval)
    assert refused.status == 409 and "the rules or the prices have changed since" in refused.text
    assert not (dropped / ".ready").exists() and shop.bought() == 0
    fresh = Form(page.read(held))
    assert page.post(held, [*fresh.fields, *approval[-1:]]).status == 303


def test_what_somebody_else_has_approved_meanwhile_is_not_said_to_have_changed(
    studio: Studio, shop: Shop, page: PageProcess
) -> None:
    folder, _ = shoot_waits(studio)
    form = Form(page.read(f"/held/{SHOOT}"))
    studio.runs[-1].stop()
    assert studio.say("approve", ELM).exit_code == 0
    refused = form.post(page, form.buttons["Approve this set"])
    assert refused.status == 409 and "wait here have changed since you looked" in refused.text
    assert (folder / ".ready").read_text() == "" and shop.bought() == 0


def test_photos_that_changed_since_they_were_looked_at_are_not_approved(
    studio: Studio, shop: Shop, page: PageProcess
) -> None:
    folder, sets = shoot_waits(studio)
    form = Form(page.read(f"/held/{SHOOT}"))
    (folder / sets[0][0]).unlink()
    refused = form.post(page, form.buttons["Approve this set"])
    assert refused.status == 409 and "have changed since you looked" in refused.text
    assert not (folder / ".ready").exists() and shop.bought() == 0


def test_the_name_to_give_a_set_is_told_whole_however_long() -> None:
    name = "Living room on the first floor, seen from the door to the terrace, with the curtains open?"
    refused = why_no_name(name, ())
    assert refused is not None and refused[1] == f'Call it "{safe_name(name)}".'


@pytest.mark.parametrize(
    ("project", "placed"),
    [('O"Neil? 12', "ONeil 12"), ("Haupt\u00adstra\u00dfe 5", "Haupt\u00adstra\u00dfe 5")],
)
def test_sets_are_called_after_their_project_whatever_its_name(
    studio: Studio, shop: Shop, page: PageProcess, project: str, placed: str
) -> None:
    """As `hotfolder approve` has them; only the pictures' names are rid of what not every computer takes."""
    studio.drop(project, "", shoot(rooms=2)[0])
    studio.wait_until(lambda status: any(job["held"] for job in status["jobs"]))
    held = f"/held/{folder_id('inbox', project, '')}"
    form = Form(page.read(held))
    assert page.post(held, [*form.fields, ("do", form.buttons["Approve all"])]).status == 303
    studio.wait_for_states("done", "done")
    assert (studio.done / placed / f"{placed}-01.jpg").is_file() and shop.bought() == 2


def test_a_set_that_can_t_be_made_says_so_and_has_no_button(studio: Studio, page: PageProcess) -> None:
    waits(studio, shoot(rooms=2)[0])
    for name, why in (("a__b", "two underscores"), ("<b>", "not every computer"), ("x" * 250, "")):
        named = Form(page.read(f"/held/{SHOOT}")).named(f"{ELM}-01", name).post(page, "look")
        assert why in named.text and "<b>" not in named.text.replace("<b>Look here:</b>", "")
        form = Form(named)
        assert "Approve all" not in form.buttons
        assert form.buttons["Approve this set"].startswith("approve 1 ")
        refused = form.post(page, "approve 0 merge")
        assert refused.status == 409 and why in refused.text
        assert Form(refused).sets == form.sets  # nothing of what was put together is lost


def test_a_room_that_waits_is_approved_as_it_is(studio: Studio, shop: Shop, page: PageProcess) -> None:
    waits(studio, bracket(), "kitchen")
    seen = page.read(f"/held/{KITCHEN}")
    assert seen.text.count("/thumb/") == len(bracket()) and "2 paid calls" in seen.text
    assert "Its route asks for a review." in seen.text and "hotfolder approve" not in seen.text
    assert page.post(f"/held/{KITCHEN}", {"do": "approve all merge"}).status == 409
    assert page.post(f"/held/{KITCHEN}", {"do": "approve all merge,sky"}).status == 303
    studio.wait_for_states("done")
    # Its folder is empty now, and may still be open in another browser.
    late = (page.read(f"/held/{KITCHEN}"), page.post(f"/held/{KITCHEN}", {"do": "approve all merge"}))
    assert all(answer.status == 404 and "Nothing waits here" in answer.text for answer in late)
    assert shop.bought() == 2


def test_a_room_that_waits_while_nothing_runs_says_so_and_what_is_wrong_with_the_settings(
    studio: Studio, page: PageProcess
) -> None:
    waits(studio, bracket(), "kitchen")
    studio.runs[-1].stop()
    studio.config.write_text(studio.config.read_text() + "nonsense: 1\n")
    told = html.unescape(page.read(f"/held/{KITCHEN}").text)
    assert "hotfolder isn't running" in told and "nonsense" in told


def test_a_room_of_several_sets_that_waits_is_approved_with_all_of_them(
    studio: Studio, shop: Shop, page: PageProcess
) -> None:
    waits(studio, shoot(rooms=2, flash=True)[0], "bath")
    held = f"/held/{folder_id('inbox', ELM, 'bath')}"
    seen = page.read(held)
    assert "Its route asks for a review." in seen.text and "It begins by itself" not in seen.text
    form = Form(seen)
    assert [len(names.split()) for field, names in form.fields if field == "photos"] == [5, 5]
    assert seen.text.count("The flash fired for") == 1 and seen.text.count("/thumb/") == 11
    assert page.post(held, [*form.fields, ("do", form.buttons["Approve this room"])]).status == 303
    studio.wait_for_states("done", "done")
    assert shop.bought() == 2


@pytest.mark.parametrize("names", [["DSC0001.jpg"], ["DSC0004.jpg"]], ids=["exported anew", "added"])
def test_a_room_whose_photos_changed_since_they_were_looked_at_is_not_approved(
    studio: Studio, shop: Shop, page: PageProcess, names: list[str]
) -> None:
    folder = waits(studio, bracket(), "kitchen")
    form = Form(page.read(f"/held/{KITCHEN}"))
    studio.drop(ELM, "kitchen", {name: jpeg() for name in names})
    approval = [*form.fields, ("do", form.buttons["Approve this room"])]
    refused = page.post(f"/held/{KITCHEN}", approval)
    assert refused.status == 409 and "have changed since you looked" in refused.text
    assert not (folder / ".ready").exists() and shop.bought() == 0


def photo_removed(studio: Studio, folder: Path) -> str:
    name = min(bracket())
    (folder / name).unlink()
    return f'"{name}" does not wait there any more'


def rules_changed(studio: Studio, folder: Path) -> str:
    studio.edit(routes=[{**REVIEW[0], "operations": ["sky-twilight"]}])
    return "the rules in force make merge + sky-twilight of it, and not merge + sky-blue"


def parameters_changed(studio: Studio, folder: Path) -> str:
    studio.edit(hdr={"perspectiveCorrection": False})
    return "the rules in force make merge + sky-blue of it, otherwise than was shown"


@pytest.mark.parametrize("change", [photo_removed, rules_changed, parameters_changed])
def test_a_room_that_has_changed_since_it_was_approved_waits_and_says_so(
    studio: Studio, shop: Shop, page: PageProcess, change: Callable[[Studio, Path], str]
) -> None:
    folder = waits(studio, bracket(), "kitchen")
    form = Form(page.read(f"/held/{KITCHEN}"))
    studio.runs[-1].stop()
    approval = [*form.fields, ("do", form.buttons["Approve this room"])]
    assert page.post(f"/held/{KITCHEN}", approval).status == 303
    told = f"What was approved was not made: {change(studio, folder)}. its route asks for a review"
    shown = page.read(f"/held/{KITCHEN}")
    studio.start()
    studio.wait_until(lambda status: [job["reason"] for job in status["jobs"]] == [told])
    assert "What was approved was not made" in shown.text and "Approve this room" in Form(shown).buttons
    german = page.read(f"/held/{KITCHEN}?lang=de").text
    assert "Was freigegeben wurde, wurde nicht gemacht" in german and shop.bought() == 0


def test_no_approval_that_came_to_nothing_is_left_behind(
    studio: Studio, shop: Shop, page: PageProcess
) -> None:
    folder = waits(studio, bracket(), "kitchen")
    form = Form(page.read(f"/held/{KITCHEN}"))
    studio.runs[-1].stop()
    page.post(f"/held/{KITCHEN}", [*form.fields, ("do", form.buttons["Approve this room"])])
    photo_removed(studio, folder)
    studio.start()
    studio.wait_until(lambda status: any(job["held"] for job in status["jobs"]))
    (folder / "READY.txt").touch()
    studio.wait_for_states("done")
    assert not files_below(folder) and shop.bought() == 2


def test_a_set_of_which_the_rules_make_other_than_was_approved_waits_and_says_so(
    studio: Studio, shop: Shop, page: PageProcess
) -> None:
    waits(studio, shoot()[0])
    form = Form(page.read(f"/held/{SHOOT}"))
    studio.runs[-1].stop()
    form.post(page, form.buttons["Approve all"])
    studio.edit(routes=[{**REVIEW[0], "operations": ["sky-blue"]}])
    studio.start()
    studio.wait_until(lambda status: len(held_sets(status)) == 3)
    doubt = page.read(f"/held/{SHOOT}").text
    told = studio.status()["jobs"][0]["reason"]
    assert "the rules in force make merge + sky-blue of it, and not merge" in told, doubt
    assert shop.bought() == 0


def test_of_a_room_that_is_being_made_only_what_came_late_is_shown_and_bought(
    studio: Studio, shop: Shop, page: PageProcess
) -> None:
    studio.edit(routes=[])
    shop.goes_wrong({"endpoint": "enhance", "fault": "hang", "seconds": 15})
    studio.drop(ELM, "kitchen", bracket())
    studio.wait_for_states("merging")
    late = {f"late-{name}": content for name, content in bracket(2).items()}
    waits(studio, late, "kitchen")
    shown = page.read(f"/held/{KITCHEN}")
    assert re.findall(r"<small>([^<]*)</small>", shown.text) == [*late]
    form = Form(shown)
    approval = [*form.fields, ("do", form.buttons["Approve this room"])]
    assert page.post(f"/held/{KITCHEN}", approval).status == 303
    studio.wait_for_states("done", "done")
    assert shop.bought() == 2


def test_who_may_only_look_is_not_told_to_approve(studio: Studio, page: PageProcess) -> None:
    waits(studio, bracket(), "kitchen")
    assert "Look and approve" in page.get("/").text
    set_password(studio, "a long password")
    set_password(studio, "another password", "--read-only")
    page.post("/signin", {"password": "another password"})
    seen = page.get("/").text + page.read(f"/preview?folder={KITCHEN}").text
    assert seen.count(">Look</a>") == 2 and "Look and approve" not in seen


def test_each_folder_is_explained_with_rules_and_calls(studio: Studio, shop: Shop, page: PageProcess) -> None:
    waits(studio, bracket(), "kitchen")
    waits(studio, shoot(rooms=2)[0])
    chosen = page.get("/preview").text
    assert chosen.count("<option") == 2 and "Rule <q>kitchens</q>" in chosen
    told = page.read(f"/preview?folder={KITCHEN}").text
    assert "1.30 EUR" in told and "/api/hdr-enhance" in told and "room &#34;kitchen&#34; matches" in told
    assert page.read(f"/preview?folder={SHOOT}").text.count("1 paid call") == 2
    assert shop.bought() == 0 and page.get("/preview?folder=nothing").status == 404


def test_an_error_in_the_settings_is_shown_with_its_line_and_the_rules_before_stay(
    studio: Studio, page: PageProcess
) -> None:
    text = studio.config.read_text()
    assert "banner bad" not in page.get("/preview").text
    studio.config.write_text(text + "\nwobble: 1\n")
    told = page.get("/preview").text
    line = len(text.splitlines()) + 2
    assert f"{studio.config.name}:{line}:1" in told and "wobble" in told and "Rule <q>kitchens</q>" in told
    assert str(studio.root) not in told


def test_nothing_of_a_page_names_a_folder_of_the_machine(studio: Studio, page: PageProcess) -> None:
    waits(studio, shoot(rooms=2)[0])
    gone = folder_id("inbox", ELM, "no such room")
    for path in (f"/held/{SHOOT}", f"/held/{gone}", f"/preview?folder={SHOOT}"):
        for language in ("en", "de"):
            joint = "&" if "?" in path else "?"
            assert str(studio.root) not in page.read(f"{path}{joint}lang={language}").text
    assert files_below(studio.done) == {}
