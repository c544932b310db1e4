"""Now, Project and Room over HTTP, for a studio in which a real daemon has worked."""

from __future__ import annotations

import asyncio
import html
import http.client
import io
import os
import re
import shutil
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from starlette.routing import Route

from hotfolder.config.load import load
from hotfolder.control import actions
from hotfolder.control.board import Card, board
from hotfolder.control.explain import explain
from hotfolder.control.lookup import folder_id, photo_id, project_id
from hotfolder.jobs.model import SANDBOX
from hotfolder.page.app import ROUTES
from hotfolder.page.security import PublicRoute
from hotfolder.telemetry.daemons import DAEMON_STATUS
from tests.bench.browsing import fill
from tests.support.pageprocess import Answer, PageProcess, page_process
from tests.support.pictures import bracket
from tests.support.studio import ELM, MERGE, SKY, MakeStudio, Shop, Studio, files_below, until

pytestmark = pytest.mark.long

FRONT = "front__sky-twilight"
PRICES = {"currency": "EUR", "merge": 0.5, "sky": 1.25}
COST = "<dd>1.75 EUR</dd>"
LOST = {"endpoint": "sky", "fault": "reset-after"}


@pytest.fixture
def studio(make_studio: MakeStudio) -> Studio:
    return make_studio(
        prices=PRICES,
        limits={"paid_calls_per_day": 50},
        deliver={"renditions": {"small": {"long_edge": 320}}},
    )


def cards(studio: Studio) -> list[Card]:
    return [card for project in board(load(studio.config, {})).projects for card in project.cards]


async def finished(studio: Studio, folder: str = FRONT) -> Card:
    """The card of the only dropped room, once it is done."""
    await studio.drop_and_run(ELM, folder, bracket())
    [card] = cards(studio)
    return card


def set_page(page: PageProcess, card: Card, more: str = "") -> str:
    answer = page.get(f"/set/{card.job}{more}")
    assert answer.status == 200
    return html.unescape(answer.text)


def went_to(answer: Answer) -> str:
    assert answer.status == 303, answer.text
    return answer.headers["location"]


def of_project(studio: Studio, name: str = ELM) -> str:
    return f"/project/{project_id(studio.inbox.name, name)}"


async def test_a_project_that_the_stand_in_made_tells_of_no_calls(studio: Studio, shop: Shop) -> None:
    """Its receipts have paid calls, so that it can't be said that there were none."""
    studio.drop(ELM, "hall", bracket())
    await studio.until_idle(replace(shop.access(), origin=SANDBOX))
    with page_process(studio) as page:
        told = page.read(f"/project/{project_id('inbox', ELM)}").text
    assert "1 of 1 done" in told and "none yet" not in told and "EUR" not in told


async def test_now_shows_what_is_finished_and_what_is_paid(studio: Studio, page: PageProcess) -> None:
    card = await finished(studio)
    told = page.get("/").text
    assert f'href="/set/{card.job}"' in told and f'src="/thumb/{card.picture}"' in told
    assert "1.75 EUR" in told and "of 50" in told and "1 of 1 done" in told
    assert COST in page.get(of_project(studio)).text
    assert "hotfolder isn" in told  # no daemon runs
    assert page.get(f"/thumb/{card.picture}").headers["content-type"] == "image/jpeg"
    assert "1 von 1 fertig" in page.get("/", Accept_Language="de").text


async def test_a_project_is_found_by_a_part_of_its_name(studio: Studio, page: PageProcess) -> None:
    """So is a set that needs a person."""
    studio.edit(routes=[{"name": "mills", "match": {"project": "7 Mill*"}, "group": "review"}])
    await finished(studio)
    studio.drop("3 Oak Lane", "hall", bracket())
    await studio.drop_and_run("7 Mill St", "", bracket())
    every, found = page.get("/projects").text, page.get("/projects?q=oak").text
    assert every.index("7 Mill St") < every.index("3 Oak Lane") < every.index(ELM)
    assert "3 Oak Lane" in found and ELM not in found
    assert of_project(studio, "3 Oak Lane") in found
    assert "No project has that" in page.get("/projects?q=nowhere").text


def test_each_page_of_a_project_brings_its_pictures_as_a_zip(studio: Studio, page: PageProcess) -> None:
    fill(studio, 230, rooms=230, size=(8, 8))
    project = of_project(studio, "Project 000")
    texts = [page.get(f"{project}?page={number}").text for number in (1, 2, 3)]
    shown = [sorted(set(re.findall(r"room \d+(?=[.<])", text))) for text in texts]
    assert [len(rooms) for rooms in shown] == [100, 100, 30] and len(set().union(*shown)) == 230
    # Those that need a person are first.
    assert [text.count('class="card bad"') for text in texts] == [3, 0, 0]
    assert re.findall(r'href="[?]page=(\d)" aria-current="page"', texts[1]) == ["2", "2"]
    assert ["227 of 230 done" in text for text in texts] == [True] * 3
    picks = [("pick", one) for one in re.findall('name="pick" value="([^"]*)"', texts[1])]
    chosen = page.get(f"{project}/zip?{urlencode(picks)}")
    assert chosen.status == 200 and len(zipfile.ZipFile(io.BytesIO(chosen.body)).namelist()) == 100
    for asked, same in (("", 0), ("?page=0", 0), ("?page=x", 0), ("?page=900", 2)):
        again = page.get(f"{project}{asked}").text
        assert sorted(set(re.findall(r"room \d+(?=[.<])", again))) == shown[same]


async def test_of_many_rooms_in_need_now_shows_the_latest_and_the_number(
    studio: Studio, page: PageProcess
) -> None:
    for number in range(15):
        studio.drop(ELM, f"room {number:02}__nope", {"a.jpg": bracket()["DSC0001.jpg"]})
    await studio.until_idle()
    now = page.get("/").text
    assert now.count('class="card bad"') == 12 and "and 3 more" in now and "<dd>15</dd>" in now
    assert page.get(of_project(studio, ELM)).text.count('class="card bad"') == 15


def test_a_page_with_nothing_on_it_says_how_to_begin(page: PageProcess) -> None:
    assert "Drop a folder of exposures" in page.get("/").text


async def test_names_are_text_and_nothing_tells_where_folders_lie(studio: Studio, page: PageProcess) -> None:
    await studio.drop_and_run("<b>Elm & \u202eSons", '"><script>alert(1)__sky-pink', bracket())
    [card] = cards(studio)
    for path in ("/", f"/set/{card.job}", of_project(studio, "<b>Elm & \u202eSons")):
        told = page.get(path).text
        assert "<script>alert" not in told and "<b>Elm" not in told and "\u202e" not in told
        assert "&lt;b&gt;Elm" in told
        assert str(studio.root) not in told


async def test_reasons_and_history_are_in_the_reader_s_language(studio: Studio, page: PageProcess) -> None:
    """German texts are marked as German for screen readers."""
    studio.drop(ELM, "kitchen__sky-twilihgt", bracket())
    await studio.drop_and_run(ELM, "hall", bracket())
    assert "Unknown tag &#34;sky-twilihgt&#34;" in page.get("/?lang=en").text
    now = page.get("/?lang=de").text
    assert '<p class="reason" lang="de">Unbekanntes Tag „sky-twilihgt“ im Ordnernamen' in now
    assert '<p class="hint" lang="de">In „kitchen__sky-twilight“ umbenennen' in now
    failed, done = sorted(cards(studio), key=lambda card: card.state == "done")
    assert "Es ist gescheitert; die Originale liegen im Ordner failed." in set_page(page, failed, "?lang=de")
    history = set_page(page, done, "?lang=de")
    history = history[history.index('<ol class="history">') :]
    assert "Der HDR-Merge wurde angenommen." in history and "<b>bezahlt</b>" in history
    assert 'lang="en"' not in history


async def test_a_set_is_told_with_exposures_receipt_and_history(studio: Studio, page: PageProcess) -> None:
    await finished(studio)
    told = set_page(page, cards(studio)[0])
    assert told.count('class="before"') == 1 and "Merge" in told and "Sky" in told
    assert "DSC0001.jpg" in told and "middle" in told
    assert "1.75 EUR" in told and "It is done." in told
    other = set_page(page, cards(studio)[0], "?before=0&after=1")
    assert re.search(r'class="before"><img [^>]*alt="Before: Exposure"', other)
    assert re.search(r'class="after"><img [^>]*alt="After: Merge"', other)


@pytest.mark.parametrize("put", [Path.symlink_to, lambda path, _: os.mkfifo(path)], ids=["link", "pipe"])
async def test_a_receipt_that_others_have_exchanged_is_not_followed(
    studio: Studio, page: PageProcess, tmp_path: Path, put: Callable[[Path, Path], None]
) -> None:
    await finished(studio)
    [receipt] = studio.done.glob("*/receipts/*.json")
    assert COST in set_page(page, cards(studio)[0])
    put(receipt, receipt.rename(tmp_path / "elsewhere.json"))
    told = set_page(page, cards(studio)[0])
    assert COST not in told and "is not the one that was written" in told


async def test_an_address_that_stands_for_nothing_is_not_found(studio: Studio, page: PageProcess) -> None:
    await finished(studio, "front")
    for path in ("/set/nosuchjb", "/project/0123456789abcdef0123", "/set/nosuchjb/another"):
        answer = page.get(path)
        # Advice about commands is left out for people at a browser.
        assert answer.status == 404 and "hotfolder status" not in answer.text


async def test_no_address_takes_one_thing_for_another(shop: Shop, studio: Studio, page: PageProcess) -> None:
    """Each route gets ids of each other kind in each place, and names as commands take them."""
    shop.goes_wrong({"endpoint": "put", "fault": "hang", "seconds": 3600})
    studio.drop(ELM, "front", bracket())
    fields = {"level": "high", "tag": "sky-blue", "answer": "not-charged", "do": "look", "days": "30"}
    async with studio.working():
        await studio.comes_to("uploading")
        [card] = cards(studio)
        own = {"{job}": card.job, "{known}": project_id(studio.inbox.name, ELM), "{link}": "abcdefgh"}
        names = [*own.values(), ELM, "front", "inbox", "nosuchjb", "0123456789abcdef0123"]
        ids = [route for route in ROUTES if isinstance(route, Route) and "{" in route.path]
        for route in (one for one in ids if not isinstance(one, PublicRoute)):
            for place in re.findall(r"\{[^}]*\}", route.path):
                for name in (one for one in names if one != own[place]):
                    path = re.sub(r"\{[^}]*\}", lambda at: own[at[0]], route.path.replace(place, quote(name)))
                    posts = "POST" in (route.methods or ())
                    asked = partial(page.post, path, fields) if posts else partial(page.get, path)
                    assert (await asyncio.to_thread(asked)).status == 404, path
        assert [(one.state, one.priority) for one in cards(studio)] == [("uploading", "normal")]


async def test_paused_at_the_page_nothing_is_bought_until_it_goes_on(
    shop: Shop, studio: Studio, page: PageProcess
) -> None:
    studio.drop(ELM, "front", bracket())
    await studio.drop_and_run(ELM, "kitchen__sky-pink", bracket())
    assert shop.bought() == 1
    assert went_to(page.post("/pause")) == "/"
    assert "No paid calls are made just now" in page.get("/").text
    studio.drop(ELM, "bath", bracket())
    async with studio.working():
        await studio.comes_to_say(lambda status: "paused" in str(status["jobs"]))
        assert shop.bought() == 1
        told = (await asyncio.to_thread(page.get, "/")).text
        assert "waiting for its turn" in told and "<dt>Waiting</dt><dd>1</dd>" in told
        assert went_to(await asyncio.to_thread(page.post, "/resume")) == "/?told=resume"
        await studio.comes_to("done", "done", "failed")


async def test_paid_calls_are_paused_while_settings_have_an_error(studio: Studio, page: PageProcess) -> None:
    """The daemon and the page continue by the previous settings."""
    await studio.until_idle()
    studio.config.write_text(studio.config.read_text() + "\nnosuch: [\n")
    assert went_to(page.post("/pause")) == "/"
    assert "never closed" in page.get("/").text


async def test_a_failed_set_is_tried_again_and_its_page_leads_to_the_later_one(
    shop: Shop, studio: Studio, page: PageProcess
) -> None:
    shop.goes_wrong({"endpoint": "sky", "fault": 422})
    card = await finished(studio)
    told = set_page(page, card)
    assert "Try again" in told and "1.25 EUR" in told  # the merge is paid for
    shop.mark()
    location = went_to(page.post(f"/set/{card.job}/retry"))
    assert "back in the inbox" in page.get(location).text
    await studio.until_idle()
    assert (shop.bought(), shop.bought(SKY)) == (1, 1)
    [later] = cards(studio)
    assert later.state == "done" and f'href="/set/{later.job}"' in set_page(page, card)


async def test_paying_again_tells_its_price_first(shop: Shop, studio: Studio, page: PageProcess) -> None:
    shop.goes_wrong({"endpoint": "sky", "fault": 422})
    card = await finished(studio)
    shop.mark()
    assert "1.75 EUR" in set_page(page, card, "/pay-again")
    assert (studio.failed / ELM / FRONT).is_dir()
    went_to(page.post(f"/set/{card.job}/pay-again"))
    await studio.until_idle()
    assert (shop.bought(MERGE), shop.bought(SKY)) == (1, 1)


async def test_a_finished_set_is_bought_anew_and_keeps_its_old_version(
    shop: Shop, studio: Studio, page: PageProcess
) -> None:
    card = await finished(studio)
    before = files_below(studio.done)
    shop.mark()
    assert f'href="/set/{card.job}/pay-again"' in set_page(page, card)
    told = set_page(page, card, "/pay-again")
    assert "1.75 EUR" in told and "stays beside the new one" in told and not shop.bought()
    assert went_to(page.post(f"/set/{card.job}/pay-again")) == f"/set/{card.job}?told=another"
    await studio.until_idle()
    assert (shop.bought(MERGE), shop.bought(SKY), shop.bought()) == (1, 1, 2)
    after = files_below(studio.done)
    assert {name: after.get(name) for name in before} == before
    assert len(list(studio.done.glob("*/receipts/*.json"))) == 2
    [newest] = cards(studio)
    assert newest.job != card.job and f'href="/set/{card.job}"' in set_page(page, newest)
    assert studio.call("verify").returncode == 0


@pytest.mark.parametrize(("way", "tag"), [("pay-again", ""), ("another", "sky-blue")])
async def test_what_would_cost_other_than_was_shown_is_not_bought(
    shop: Shop, studio: Studio, page: PageProcess, way: str, tag: str
) -> None:
    card = await finished(studio, "front")
    asked = set_page(page, card, f"/{way}?tag={tag}" if tag else f"/{way}")
    shown = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', asked))
    studio.edit(routes=[{"name": "all", "match": {"room": "*"}, "operations": ["lawn-light"]}])
    refused = page.post(f"/set/{card.job}/{way}", shown)
    assert refused.status == 409 and "other paid calls than were shown" in refused.text
    assert not files_below(studio.inbox / ELM)


@pytest.mark.parametrize(("fault", "way"), [(422, "retry"), ("reset-after", "resolve")])
@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("terms", {"prices": {**PRICES, "sky": 12}}),
        ("calls", {"routes": [{"name": "all", "operations": ["sky-blue", "lawn-light"]}]}),
    ],
)
async def test_a_failed_set_is_not_tried_again_for_another_price_or_other_calls_than_were_shown(
    shop: Shop,
    studio: Studio,
    page: PageProcess,
    fault: object,
    way: str,
    field: str,
    change: dict[str, object],
) -> None:
    shop.goes_wrong({"endpoint": "sky", "fault": fault})
    studio.edit(routes=[{"name": "all", "operations": ["sky-blue"]}])
    card = await finished(studio, "front")
    asked = re.findall(rf'<form[^>]*/set/{card.job}/{way}">(.*?)</form>', set_page(page, card), re.DOTALL)[0]
    shown = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', asked))
    studio.edit(**change)
    answer = {name: shown[name] for name in ("answer", field) if name in shown}
    refused = page.post(f"/set/{card.job}/{way}", answer)
    assert refused.status == 409 and "other paid calls than were shown" in refused.text
    assert not files_below(studio.inbox / ELM)


async def test_a_form_to_buy_anew_buys_once_whoever_sends_it_later(
    shop: Shop, studio: Studio, page: PageProcess
) -> None:
    """Sent again after a lost answer, or from the page that somebody else had open meanwhile."""
    card = await finished(studio)
    shop.mark()
    pay_again = f"/set/{card.job}/pay-again"
    shown = dict(re.findall(r'name="(\w+)" value="(\d+)"', set_page(page, card, "/pay-again")))
    went_to(page.post(pay_again, shown))
    await studio.until_idle()
    refused = page.post(pay_again, shown, Cookie="hotfolder_session=another", Referer=f"http://x{pay_again}")
    assert refused.status == 409 and "was bought anew already" in refused.text
    assert f'href="{pay_again}"' in refused.text and not files_below(studio.inbox / ELM)
    assert shop.bought() == 2
    fresh = dict(re.findall(r'name="(\w+)" value="(\d+)"', set_page(page, card, "/pay-again")))
    went_to(page.post(pay_again, fresh))


async def test_what_is_bought_anew_and_held_first_tells_its_price_before_it_is_approved(
    shop: Shop, studio: Studio, page: PageProcess
) -> None:
    await finished(studio)
    studio.edit(routes=[{"name": "all", "match": {"room": "*"}, "group": "review"}])
    [card] = cards(studio)
    shop.mark()
    went_to(page.post(f"/set/{card.job}/pay-again"))
    await studio.until_idle()
    held = f"/held/{folder_id(studio.inbox.name, ELM, FRONT)}"
    assert "2 paid calls" in page.read(held).text and not shop.bought()
    assert page.post(held, {"do": "approve all "}).status == 409
    went_to(page.post(held, {"do": "approve all merge,sky"}))
    await studio.until_idle()
    assert (shop.bought(MERGE), shop.bought(SKY), shop.bought()) == (1, 1, 2)


def test_a_room_with_a_photo_that_can_t_be_read_is_not_approved(studio: Studio, page: PageProcess) -> None:
    folder = studio.drop(ELM, "kitchen", {**bracket(2), "broken.jpg": b"no picture"})
    held = f"/held/{folder_id(studio.inbox.name, ELM, 'kitchen')}"
    assert "broken.jpg" in page.read(held).text
    for calls in ("", "merge"):
        assert page.post(held, {"do": f"approve all {calls}"}).status == 409
    assert not (folder / ".ready").exists()


async def doubtful(shop: Shop, studio: Studio) -> Card:
    shop.goes_wrong(LOST)
    await finished(studio)
    shop.mark()
    [card] = cards(studio)
    assert card.state == "needs_attention"
    return card


async def test_a_call_that_was_charged_is_made_once(shop: Shop, studio: Studio, page: PageProcess) -> None:
    card = await doubtful(shop, studio)
    refused = page.post(f"/set/{card.job}/resolve", {"answer": "charged", "address": "https://evil.example/"})
    assert refused.status == 409 and (studio.failed / ELM / FRONT).is_dir()
    assert "<p>An address on evil.example, which is not" in refused.text and "followed.</p>" in refused.text
    [sky] = [one for one in shop.entries() if one.route == SKY and "image" in one.ids][-1:]
    address = shop.result_address(sky.ids["image"])
    went_to(page.post(f"/set/{card.job}/resolve", {"answer": "charged", "address": address}))
    assert address not in page.get(f"/set/{card.job}").text
    await studio.until_idle()
    assert (cards(studio)[0].state, shop.bought()) == ("done", 0)


async def test_a_call_that_nobody_wants_is_given_up(shop: Shop, studio: Studio, page: PageProcess) -> None:
    card = await doubtful(shop, studio)
    went_to(page.post(f"/set/{card.job}/resolve", {"answer": "give-up"}))
    [given_up] = cards(studio)
    assert (given_up.state, given_up.hint, shop.bought()) == ("failed", "", 0)
    assert given_up.reason.startswith("given up by a person: ")


async def test_of_many_who_give_up_the_same_call_all_but_one_are_told_that_it_is(
    shop: Shop, studio: Studio, page: PageProcess
) -> None:
    card = await doubtful(shop, studio)
    give_up = partial(page.post, f"/set/{card.job}/resolve", {"answer": "give-up"})
    browsers = [f"hotfolder_session={number}" for number in range(8)]
    answers = await asyncio.gather(*(asyncio.to_thread(give_up, Cookie=one) for one in browsers))
    assert sorted(answer.status for answer in answers) == [303, *[409] * 7]
    assert all("nothing to resolve: it is failed" in one.text for one in answers if one.status == 409)


async def test_naming_a_picture_tells_the_price_of_what_is_bought_after_it(
    shop: Shop, studio: Studio, page: PageProcess
) -> None:
    studio.edit(prices={**PRICES, "lawn": 0.75})
    shop.goes_wrong(LOST)
    card = await finished(studio, "front__sky-blue__lawn-light")
    told = set_page(page, card)
    charged = told.index('id="charged"')
    assert "Still to be paid: 2.00 EUR." in told[:charged]
    assert "Still to be paid: 0.75 EUR." in told[charged:]


async def test_a_page_of_an_attempt_that_was_replaced_says_so_in_german_too(
    shop: Shop, studio: Studio, page: PageProcess
) -> None:
    card = await doubtful(shop, studio)
    (studio.failed / ELM / FRONT).rename(studio.inbox / ELM / FRONT)
    await studio.until_idle()
    refused = page.post(f"/set/{card.job}/resolve?lang=de", {"answer": "not-charged"})
    assert refused.status == 409 and "durch einen späteren Versuch ersetzt" in refused.text


async def test_an_answer_that_is_none_changes_nothing(shop: Shop, studio: Studio, page: PageProcess) -> None:
    card = await doubtful(shop, studio)
    assert page.post(f"/set/{card.job}/resolve", {"answer": "perhaps"}).status == 400
    assert page.post(f"/set/{card.job}/resolve", {}).status == 400
    assert cards(studio)[0].state == "needs_attention"


async def test_another_tag_tells_its_price_first_and_keeps_the_old_version(
    shop: Shop, studio: Studio, page: PageProcess
) -> None:
    card = await finished(studio)
    before = files_below(studio.done)
    offered = set_page(page, card, "/another")
    assert "<option>sky-blue</option>" in offered and "<option>sky-twilight</option>" not in offered
    told = set_page(page, card, "/another?tag=sky-blue")
    assert "1.25 EUR" in told and "front__sky-blue" in told and not files_below(studio.inbox / ELM)
    shop.mark()
    assert went_to(page.post(f"/set/{card.job}/another", {"tag": "sky-blue"})).endswith("told=another")
    await studio.until_idle()
    assert shop.bought() == 1
    after = files_below(studio.done)
    assert {name: after.get(name) for name in before} == before and f"{ELM}/front__sky-blue.png" in after
    newest = next(one for one in cards(studio) if one.tags == ("sky-blue",))
    assert f'href="/set/{card.job}"' in set_page(page, newest)


async def test_a_set_whose_originals_are_gone_offers_nothing_that_needs_them(make_studio: MakeStudio) -> None:
    studio = make_studio(prices=PRICES, deliver={"originals": "delete"})
    card = await finished(studio)
    with page_process(studio) as page:
        told = set_page(page, card)
        assert "/another" not in told and "/pay-again" not in told
        assert told.count("no longer there") == 3 and "Exposure<" not in told
        assert "/thumb/" in told and f"/thumb/{photo_id(card.job, 'DSC0002.jpg')}" not in told
        for way, fields, folder in (
            ("another", {"tag": "sky-blue"}, "front__sky-blue"),
            ("pay-again", {}, f"{FRONT}__again"),
        ):
            refused = page.post(f"/set/{card.job}/{way}", fields)
            assert refused.status == 409 and f"of its project named {folder}." in html.unescape(refused.text)


async def test_a_failed_set_that_was_made_since_asks_for_nothing_more(
    studio: Studio, shop: Shop, page: PageProcess
) -> None:
    await studio.drop_and_run(ELM, "front__sky-purple", bracket())
    [card] = cards(studio)
    assert card.hint and card.hint in set_page(page, card)
    assert went_to(page.post(f"/set/{card.job}/another", {"tag": "sky-blue"})).endswith("told=retry")
    await studio.until_idle(shop.access())
    told = set_page(page, card)
    assert card.reason in told and card.hint not in told


async def test_another_tag_is_one_that_is_offered(studio: Studio, page: PageProcess) -> None:
    """`again` isn't offered, since its price is that of everything."""
    another = f"/set/{(await finished(studio, 'DSC 7')).job}/another"
    for tag in ("again", "ok", "Again", "sky-nosuch", "../x"):
        assert page.get(f"{another}?{urlencode({'tag': tag})}").status == 404
        refused = page.post(another, {"tag": tag}, Referer=f"http://x{another}")
        assert refused.status == 409 and f'href="{another}"' in refused.text
    # A tag that the rules refuse for this room, whose page is older than the rules.
    for refused in (page.get(f"{another}?tag=stage-modern"), page.post(another, {"tag": "stage-modern"})):
        assert refused.status == 409 and "Staging needs to know what kind of room" in refused.text
    assert not files_below(studio.inbox / ELM)


async def test_a_form_that_is_sent_many_times_does_its_work_once(studio: Studio, page: PageProcess) -> None:
    card = await finished(studio)
    send = partial(page.post, f"/set/{card.job}/another", {"tag": "sky-blue"})
    answers = await asyncio.gather(*(asyncio.to_thread(send) for _ in range(6)))
    assert {went_to(answer) for answer in answers} == {f"/set/{card.job}?told=another"}
    # Of several browsers only one can be first; several rounds, since they seldom meet at the same moment.
    for turn in range(8):
        shutil.rmtree(studio.inbox / ELM / "front__sky-blue")
        others = [f"hotfolder_session={turn}-{number}" for number in range(6)]
        answers = await asyncio.gather(*(asyncio.to_thread(send, Cookie=cookie) for cookie in others))
        assert sorted(answer.status for answer in answers) == [303, *[409] * 5]
    assert {name.partition("/")[0] for name in files_below(studio.inbox / ELM)} == {"front__sky-blue"}


async def test_a_set_whose_name_is_refused_goes_on_under_another_one(
    shop: Shop, studio: Studio, page: PageProcess
) -> None:
    """Unchanged it would fail again, and nobody can say what it costs."""
    card = await finished(studio, "front__sky-twillight")
    told = set_page(page, card)
    assert "Try again with another tag" in told and "/retry" not in told and "/pay-again" not in told
    offered = set_page(page, card, "/another?tag=sky-twilight")
    assert "1.75 EUR" in offered and "go back into the inbox" in offered
    assert went_to(page.post(f"/set/{card.job}/another", {"tag": "sky-twilight"})).endswith("told=retry")
    assert not files_below(studio.failed)
    shop.mark()
    await studio.until_idle()
    assert (shop.bought(MERGE), shop.bought(SKY)) == (1, 1)
    assert [(one.state, one.folder) for one in cards(studio)] == [("done", FRONT)]


async def test_the_price_of_a_failed_set_is_that_of_the_rules_in_force(
    shop: Shop, studio: Studio, page: PageProcess
) -> None:
    """The set would be made by these rules, whatever they were when it failed."""
    shop.goes_wrong({"endpoint": "enhance", "fault": 422})
    card = await finished(studio, "front")
    assert "0.50 EUR" in set_page(page, card, "/pay-again")
    studio.edit(routes=[{"name": "all", "operations": ["sky-blue"]}])
    assert "1.75 EUR" in set_page(page, card, "/pay-again")
    shop.mark()
    went_to(page.post(f"/set/{card.job}/pay-again"))
    await studio.until_idle()
    assert (shop.bought(MERGE), shop.bought(SKY)) == (1, 1)


@pytest.mark.parametrize(
    ("fault", "way", "fields", "left"),
    [(422, "retry", {}, 1), ("reset-after", "resolve", {"answer": "charged"}, 0)],
)
async def test_what_a_failed_set_paid_for_is_used_though_another_version_was_bought_anew_since(
    shop: Shop, studio: Studio, page: PageProcess, fault: object, way: str, fields: dict[str, str], left: int
) -> None:
    studio.edit(prices={**PRICES, "stage": 2})
    photos, failing = bracket(), "Bedroom__sky-blue__stage-modern"
    await studio.drop_and_run(ELM, "Bedroom__sky-twilight", photos)
    shop.goes_wrong({"endpoint": "stage", "fault": fault})
    await studio.drop_and_run(ELM, failing, photos)
    [made] = [card for card in cards(studio) if card.state == "done"]
    [failed] = [card for card in cards(studio) if card.state != "done"]
    studio.by_hand(actions.retry, made.job, pay_again=True)
    await studio.until_idle()
    if left:
        assert "Still to be paid: 2.00 EUR" in set_page(page, failed)
    else:
        [stage] = [one for one in shop.entries() if one.route.endswith("/stage") and "image" in one.ids][-1:]
        fields = {**fields, "address": shop.result_address(stage.ids["image"])}
    shop.mark()
    went_to(page.post(f"/set/{failed.job}/{way}", fields))
    [told] = explain(load(studio.config, {}), studio.inbox / ELM)
    assert [len(bill.left) for bill in told.bills] == [left]
    await studio.until_idle()
    assert shop.bought() == left and {card.state for card in cards(studio)} == {"done"}


async def test_sets_and_projects_are_cancelled_and_get_their_priority(
    shop: Shop, studio: Studio, page: PageProcess
) -> None:
    shop.goes_wrong({"endpoint": "put", "fault": "hang", "seconds": 3600})
    studio.drop(ELM, "hall", bracket())
    studio.drop(ELM, "front", bracket())
    async with studio.working():
        await studio.comes_to("uploading", "uploading")
        hall = f"/set/{next(card.job for card in cards(studio) if card.room == 'hall')}"
        answer = await asyncio.to_thread(page.post, f"{hall}/priority", {"level": "low"})
        assert went_to(answer) == f"{hall}?told=priority"
        assert {card.room: card.priority for card in cards(studio)} == {"hall": "low", "front": "normal"}
        answer = await asyncio.to_thread(page.post, f"{hall}/cancel")
        assert went_to(answer) == f"{hall}?told=cancel"
        await studio.comes_to("uploading", "failed")
        assert {card.room: card.state for card in cards(studio)} == {
            "hall": "cancelled",
            "front": "uploading",
        }
        answer = await asyncio.to_thread(page.post, f"{of_project(studio)}/priority", {"level": "high"})
        assert went_to(answer) == f"{of_project(studio)}?told=priority"
        assert "high" in {card.priority for card in cards(studio)}
        refused = await asyncio.to_thread(page.post, f"{of_project(studio)}/priority", {"level": "mad"})
        assert refused.status == 409
        studio.drop(ELM, "kitchen", {"IMG_1.jpg.part": b""})
        await studio.comes_to_say(lambda status: "under way" in str(status["jobs"]))
        answer = await asyncio.to_thread(page.post, f"{of_project(studio)}/cancel")
        assert "What is still arriving is not" in page.get(went_to(answer)).text
        shutil.rmtree(studio.inbox / ELM / "kitchen")
        await studio.comes_to("failed", "failed")
    for card in cards(studio):
        told = set_page(page, card)
        assert "Cancelled by somebody at the page" in told and "choose “Try again” below" in told
        assert "It was cancelled by somebody at the page;" in told and "It has failed" not in told
        assert "Pay again" not in told  # nothing was paid for
    assert "<dt>Needs you</dt><dd>0</dd>" in page.get("/").text


async def test_chosen_pictures_come_as_a_zip_that_can_be_resumed(studio: Studio, page: PageProcess) -> None:
    studio.drop(ELM, FRONT, bracket())
    await studio.drop_and_run(ELM, "kitchen", bracket())
    told = page.get(of_project(studio)).text
    picks = re.findall(r'name="pick" value="([^"]+)"', told)
    assert len(picks) == 3 and "<option>small</option>" in told
    address = f"{of_project(studio)}/zip?" + "&".join(f"pick={one}" for one in picks)
    whole = page.get(address)
    assert int(whole.headers["content-length"]) == len(whole.body)
    with zipfile.ZipFile(io.BytesIO(whole.body)) as archive:
        assert archive.testzip() is None
        made = {name: archive.read(name) for name in archive.namelist()}
    delivered = files_below(studio.done / ELM)
    assert made == {name: delivered[name] for name in ("front.jpg", f"{FRONT}.png", "kitchen.jpg")}
    etag = whole.headers["etag"]
    for cut in (0, 1, 40, len(whole.body) // 2, len(whole.body) - 1):
        rest = page.get(address, Range=f"bytes={cut}-", If_Range=etag)
        assert rest.status == (206 if cut else 200) and rest.body == whole.body[cut:]
    assert page.get(address, Range=f"bytes={len(whole.body)}-").status == 416
    small = page.get(f"{of_project(studio)}/zip?pick={picks[0]}&rendition=small")
    with zipfile.ZipFile(io.BytesIO(small.body)) as archive:
        assert [name.partition("/")[0] for name in archive.namelist()] == ["small"]
    assert page.get(f"{of_project(studio)}/zip").status == 404
    foreign = of_project(studio, "Elsewhere")
    assert page.get(f"{foreign}/zip?pick={picks[0]}").status == 404


async def test_a_zip_in_a_size_that_a_picture_lacks_is_refused(make_studio: MakeStudio) -> None:
    """As one of a set that was finished before the settings had that size. Only altered ones have a label."""
    studio = make_studio(deliver={"label": "Digitally altered"})
    await studio.drop_and_run(ELM, "kitchen", bracket())
    studio.edit(deliver={"renditions": {"small": {"long_edge": 64}}, "label": "Digitally altered"})
    await studio.drop_and_run(ELM, FRONT, bracket())
    with page_process(studio) as page:
        picks = re.findall(r'name="pick" value="([^"]+)"', page.get(of_project(studio)).text)
        address = f"{of_project(studio)}/zip?" + "&".join(f"pick={one}" for one in picks)
        refused = page.get(f"{address}&rendition=small")
        assert refused.status == 404 and "There is no small of kitchen.jpg." in refused.text
        assert page.get(f"{address}&rendition=labelled").status == 200


async def test_a_zip_that_would_lack_a_picture_is_refused(studio: Studio, page: PageProcess) -> None:
    await finished(studio)
    shown = page.get(of_project(studio)).text
    picks = re.findall(r'name="pick" value="([^"]+)"', shown)
    assert "http-equiv" in page.get("/").text and "http-equiv" not in shown  # it would forget what is picked
    address = f"{of_project(studio)}/zip?" + "&".join(f"pick={one}" for one in picks)
    (studio.done / ELM / "front.jpg").unlink()
    refused = page.get(address, Referer=f"http://127.0.0.1:{page.port}{of_project(studio)}?page=1")
    assert refused.status == 404 and "front.jpg can't be found in done." in html.unescape(refused.text)
    assert f'href="{of_project(studio)}"' in refused.text
    assert "In done nicht zu finden: front.jpg." in page.get(f"{address}&lang=de").text
    alone = [page.get(f"{of_project(studio)}/zip?pick={pick}").status for pick in picks]
    assert sorted(alone) == [200, 404]


async def test_a_picture_that_was_exchanged_begins_the_zip_anew(studio: Studio, page: PageProcess) -> None:
    await finished(studio, "kitchen")
    [pick] = re.findall(r'name="pick" value="([^"]+)"', page.get(of_project(studio)).text)
    address = f"{of_project(studio)}/zip?pick={pick}"
    first = page.get(address)
    (studio.done / ELM / "kitchen.jpg").write_bytes(b"\xff\xd8\xffanother")
    again = page.get(address, Range="bytes=10-", If_Range=first.headers["etag"])
    assert again.status == 200 and again.body != first.body


def news(stream: http.client.HTTPResponse) -> str:
    """The next event of an open page."""
    while not (line := stream.readline()).startswith(b"data: "):
        assert line, "the stream has ended"
    return line.removeprefix(b"data: ").decode().strip()


async def test_an_open_page_hears_of_each_change_and_only_of_changes(
    studio: Studio, page: PageProcess
) -> None:
    await finished(studio, "front")
    with closing(page.listening()) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        first = await asyncio.to_thread(news, stream)
        assert f'data-stamp="{first}"' in page.get("/").text
        studio.by_hand(actions.pause, "by hand")
        second = await asyncio.to_thread(news, stream)
        assert second != first and f'data-stamp="{second}"' in page.get("/").text
        studio.config.write_text(studio.config.read_text() + "nonsense: 1\n")
        await asyncio.to_thread(news, stream)
        assert "The settings have an error" in page.get("/").text


async def test_an_error_about_what_is_beside_the_settings_goes_when_that_comes(
    studio: Studio, page: PageProcess
) -> None:
    studio.edit(notify={"url_file": "urls.txt"})
    for _ in range(2):
        assert "url_file names can&#39;t be read" in page.get("/").text
    (studio.root / "urls.txt").write_text("")
    await until(lambda: "The settings have an error" not in page.get("/").text)


def test_what_one_sees_of_now_another_does_not_get_in_another_language(page: PageProcess) -> None:
    for language, word in (("en", "Needs you"), ("de", "Braucht Sie"), ("en", "Needs you")):
        assert word in page.get("/", Accept_Language=language).text


def test_of_thousands_of_notices_now_and_status_show_some_and_say_how_many_more(studio: Studio) -> None:
    notices = [f"'{number}.jpg' is a link and is not followed." for number in range(2000)]
    with studio.store() as store:
        store.publish(DAEMON_STATUS, {"inboxes": {"inbox": {"notices": notices}}}, datetime.now(UTC))
    with page_process(studio) as site:
        page = site.get("/").text
    told = studio.say("status").stdout
    for text, most in ((page, 100), (told, 20)):
        assert (text.count("is a link"), f"and {2000 - most} more" in text) == (most, True)
