"""Now, Project and Room in a real Chromium: live updates, without scripts, by keyboard."""

from __future__ import annotations

import signal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.support.browser import becomes, everywhere, tab, window
from tests.support.pageprocess import PageProcess, page_process
from tests.support.pictures import bracket
from tests.support.studio import ELM, Fault, MakeStudio, Shop, Studio

pytestmark = pytest.mark.long

FRONT = "front__sky-twilight"
REFUSED: Fault = {"endpoint": "sky", "fault": 422}
LOST: Fault = {"endpoint": "sky", "fault": "reset-after"}


@pytest.fixture
def studio(at_work: MakeStudio) -> Studio:
    return at_work()


def test_a_dropped_folder_becomes_a_picture_without_reloading(studio: Studio, opened: Page) -> None:
    opened.evaluate("window.loadedOnce = true")
    studio.drop(ELM, FRONT, bracket())
    opened.get_by_role("heading", name="front").wait_for()
    opened.locator(".card.good").wait_for()
    picture = opened.locator(".card.good img")
    becomes(lambda: picture.evaluate("image => image.complete && image.naturalWidth > 0"), "a picture")
    assert opened.evaluate("window.loadedOnce")


class BadGateway(BaseHTTPRequestHandler):
    """What a proxy answers while the server behind it is gone."""

    asked = 0

    def do_GET(self) -> None:
        BadGateway.asked += 1
        self.send_error(502)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_an_open_page_says_that_its_server_is_gone_and_comes_back_behind_a_proxy(
    studio: Studio, browser: Browser, free_port: int
) -> None:
    with page_process(studio, "--port", str(free_port)) as served, window(browser, served) as opened:
        opened.goto("/")
        told = opened.get_by_text("hotfolder's page doesn't answer just now.")
        becomes(lambda: told.count() == 1 and not told.is_visible(), "a page that is served")
        served.stop()
        told.wait_for()
        with HTTPServer(("127.0.0.1", free_port), BadGateway) as proxy:
            Thread(target=proxy.serve_forever, daemon=True).start()
            becomes(lambda: BadGateway.asked, "the proxy is asked")
            assert told.is_visible()
            proxy.shutdown()
        studio.drop(ELM, FRONT, bracket())
        with page_process(studio, "--port", str(free_port)):
            opened.get_by_role("heading", name="front").wait_for()
            becomes(lambda: not told.is_visible(), "a page that is served")


def test_an_open_page_says_that_the_server_is_silent(page: PageProcess, browser: Browser) -> None:
    """As where its machine has no power: nothing ends the connection."""
    with window(browser, page) as opened:
        opened.clock.install(time=0)
        opened.clock.pause_at(1000)
        opened.goto("/")
        told = opened.get_by_text("hotfolder's page doesn't answer just now.")
        opened.clock.run_for(30_000)
        assert told.count() == 1 and not told.is_visible()
        page.process.send_signal(signal.SIGSTOP)
        opened.clock.run_for(50_000)
        told.wait_for()
        page.process.send_signal(signal.SIGCONT)
        opened.clock.resume()
        becomes(lambda: not told.is_visible(), "a page that is served")


def test_the_link_to_the_content_leaves_the_page_as_it_is(opened: Page) -> None:
    opened.evaluate("window.loadedOnce = true")
    opened.keyboard.press("Tab")
    opened.keyboard.press("Enter")
    opened.wait_for_url("**/#content")
    becomes(lambda: opened.evaluate("document.activeElement.id") == "content", "the content")
    opened.wait_for_timeout(500)
    assert opened.evaluate("window.loadedOnce")


def test_a_files_name_is_shown_as_it_is(studio: Studio, opened: Page) -> None:
    studio.drop(ELM, "hall", {"a.webp": b"RIFF0000WEBPVP8 "})
    studio.wait_for_states("failed")
    reason = opened.locator(".card.bad .reason")
    assert reason.inner_text().startswith("a.webp is")
    assert reason.evaluate("one => getComputedStyle(one, '::first-letter').textTransform") == "none"


def test_a_set_goes_on_by_the_button_beside_it(studio: Studio, shop: Shop, opened: Page) -> None:
    shop.goes_wrong(LOST)
    studio.drop(ELM, FRONT, bracket())
    opened.locator(".card.attention").wait_for()
    shop.mark()
    opened.get_by_role("link", name="front").click()
    opened.get_by_role("button", name="It was not charged").click()
    opened.get_by_role("link", name="See the later one").click()
    opened.locator(".standing .good").wait_for()
    assert shop.bought() == 1


def test_news_leave_a_choice_that_was_not_sent_and_the_focus(studio: Studio, opened: Page) -> None:
    assert studio.say("pause").exit_code == 0
    studio.drop(ELM, FRONT, bracket())
    opened.get_by_role("link", name="front").click()
    level = opened.get_by_label("Priority")
    level.select_option("high")
    opened.get_by_role("button", name="Set").click()
    told = opened.get_by_text("The priority is set")
    told.wait_for()
    level.select_option("low")
    level.focus()
    opened.evaluate("history.replaceState(null, '', location.pathname)")  # as the page does after 8 s
    studio.drop(ELM, "hall", bracket())
    told.wait_for(state="detached")
    assert level.input_value() == "low"
    assert level.evaluate("one => one === document.activeElement")


def test_a_missing_picture_is_asked_for_again(studio: Studio, page: PageProcess, browser: Browser) -> None:
    """Its photo is just being moved."""
    studio.drop(ELM, FRONT, bracket())
    studio.wait_for_states("done")
    with tab(browser, page, "/projects") as opened:
        missed: list[Route] = []

        def miss_first(route: Route) -> None:
            if missed:
                return route.continue_()
            missed.append(route)
            return route.fulfill(status=404)

        opened.route("**/thumb/*", miss_first)
        opened.goto("/")
        picture = opened.locator(".card.good img")
        seen = "image => image.naturalWidth > 0 && !image.style.visibility"
        becomes(lambda: picture.evaluate(seen), "it is there")
        assert missed


def test_a_finished_set_is_bought_anew_once_its_price_was_seen(
    studio: Studio, shop: Shop, opened: Page
) -> None:
    studio.drop(ELM, FRONT, bracket())
    studio.wait_for_states("done")
    shop.mark()
    opened.get_by_role("link", name="front").click()
    opened.get_by_role("link", name="Pay again").click()
    opened.get_by_text("2 paid calls").wait_for()
    assert shop.bought() == 0
    opened.get_by_role("button", name="Buy it again").click()
    opened.get_by_role("heading", name="Other versions of this room").wait_for()
    studio.wait_for_states("done", "done")
    assert shop.bought() == 2


def test_without_a_script_it_works(studio: Studio, shop: Shop, page: PageProcess, browser: Browser) -> None:
    shop.goes_wrong(REFUSED)
    studio.drop(ELM, FRONT, bracket())
    studio.wait_for_states("failed")
    shop.mark()
    with tab(browser, page, java_script_enabled=False) as opened:
        opened.get_by_role("link", name="front").click()
        opened.get_by_role("button", name="Try again").click()
        studio.wait_for_states("done")
        opened.goto("/")
        opened.get_by_role("link", name="front").click()
        # Both pictures stand beside each other, before on the left, and no control needs a script.
        before, after = opened.locator(".compare .before"), opened.locator(".compare .after")
        before.wait_for()
        after.wait_for()
        boxes = before.bounding_box(), after.bounding_box()
        assert boxes[0] is not None and boxes[1] is not None and boxes[0]["x"] < boxes[1]["x"]
        assert opened.locator(".compare input").is_hidden()
        opened.get_by_role("link", name=ELM).click()
        with opened.expect_download() as download:
            opened.get_by_role("button", name="Download as ZIP").click()
        assert Path(download.value.path()).stat().st_size > 1000


def test_the_edge_between_before_and_after_follows_mouse_touch_and_arrow_keys(
    studio: Studio, page: PageProcess, browser: Browser
) -> None:
    studio.drop(ELM, FRONT, bracket())
    studio.wait_for_states("done")
    with tab(browser, page, has_touch=True) as opened:
        opened.get_by_role("link", name="front").click()
        edge = opened.locator(".compare.sliding")
        edge.wait_for()
        pictures = opened.locator(".compare img")
        loaded = "all => all.every(one => one.complete && one.naturalWidth > 0)"
        becomes(lambda: pictures.evaluate_all(loaded), "both pictures, with the size that they keep")
        slider = opened.get_by_role("slider")

        def stands() -> int:
            return round(float(edge.evaluate("box => parseFloat(box.style.getPropertyValue('--at'))")))

        slider.focus()
        opened.keyboard.press("ArrowRight")
        assert stands() == 51
        box = slider.bounding_box()
        assert box is not None
        opened.mouse.click(box["x"] + box["width"] * 0.2, box["y"] + box["height"] / 2)
        assert 15 <= stands() <= 25
        opened.touchscreen.tap(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2)
        becomes(lambda: 75 <= stands() <= 85, "the edge where it was touched")
        # An update keeps the slider where the reader has put it.
        opened.evaluate("document.querySelector('main').dataset.marked = '1'")
        studio.call("pause")
        becomes(lambda: opened.evaluate("!document.querySelector('main').dataset.marked"), "renewed")
        assert 75 <= stands() <= 85


def test_a_project_is_printed_with_before_beside_after_and_nothing_to_press(
    studio: Studio, opened: Page
) -> None:
    studio.drop(ELM, FRONT, bracket())
    studio.wait_for_states("done")
    opened.get_by_role("link", name=ELM).click()
    opened.locator(".compare.sliding").wait_for()
    opened.emulate_media(media="print")
    pressed = opened.locator("a.button, button, input, header, nav")
    assert pressed.evaluate_all("all => all.filter(one => one.checkVisibility()).length") == 0
    before, after = (opened.locator(f"figure.{one} img").bounding_box() for one in ("before", "after"))
    assert before is not None and after is not None
    assert before["x"] + before["width"] <= after["x"] and before["y"] == after["y"]
    assert opened.locator("figure.before").evaluate("one => getComputedStyle(one).clipPath") == "none"


def test_every_page_is_for_everybody_at_every_size(
    studio: Studio, shop: Shop, page: PageProcess, browser: Browser
) -> None:
    """axe-core finds nothing, narrow and wide, light and dark; long names are broken into lines."""
    shop.goes_wrong(LOST)
    studio.drop(ELM, FRONT, bracket())
    studio.wait_for_states("needs_attention")
    shop.goes_wrong()
    studio.drop(ELM, "garden__sky-blue", bracket())
    long = "H" * 60 + "ف" * 40
    studio.drop(long, f"{'k' * 100}__sky-pink", bracket())
    studio.wait_for_states("needs_attention", "failed", "done")
    status = {job["state"]: job["job"] for job in studio.status()["jobs"]}
    pages = ["/", "/projects?q=hhh", *(f"/set/{job}" for job in status.values())]
    pages += [f"/set/{status['failed']}/pay-again", f"/set/{status['done']}/another?tag=sky-twilight"]
    with tab(browser, page) as opened:
        pages.append(str(opened.get_by_role("link", name=ELM).get_attribute("href")))
    assert everywhere(browser, page, *pages) == []
