"""A held shoot in a real Chromium: frames are moved and sets approved, with and without scripts."""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import Browser, Page

from hotfolder.control.lookup import folder_id
from tests.support.browser import becomes, everywhere, go, tab, window
from tests.support.pageprocess import PageProcess
from tests.support.pictures import bracket
from tests.support.rolls import shoot
from tests.support.studio import ELM, MakeStudio, Shop, Studio

pytestmark = pytest.mark.long

REVIEW = [{"name": "all", "match": {"room": "*"}, "group": "review"}]
SHOOT = f"/held/{folder_id('inbox', ELM, '')}"
Sets = list[list[str]]


DRAG = """() => {
  const [to, from] = document.querySelectorAll(".sorted");
  const steps = [["dragstart", from.querySelector("img")], ["dragover", to], ["drop", to], ["dragend", from]];
  for (const [name, at] of steps) at.dispatchEvent(new DragEvent(name, { bubbles: true, cancelable: true }));
}"""
"""The events of a drag as a page gets them. Chromium's own drag hangs at times when automated."""


@pytest.fixture
def studio(at_work: MakeStudio) -> Studio:
    return at_work(routes=REVIEW)


@pytest.fixture
def sets(studio: Studio) -> Sets:
    """The sets of a held shoot."""
    files, sets, _ = shoot()
    studio.drop(ELM, "", files)
    studio.wait_until(lambda status: any(job["held"] for job in status["jobs"]))
    return sets


def frames(opened: Page, number: int) -> list[str]:
    return opened.locator(".sorted").nth(number).locator("small").all_inner_texts()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_one_set_is_approved_after_a_frame_moved(
    studio: Studio, shop: Shop, page: PageProcess, browser: Browser, sets: Sets, script: bool
) -> None:
    with tab(browser, page, SHOOT, java_script_enabled=script) as opened:
        opened.get_by_label(sets[1][0]).check()
        opened.get_by_label("Picked photos to").select_option(f"{ELM}-01")
        opened.get_by_role("button", name="Move").click()
        becomes(lambda: frames(opened, 0) == [*sets[0], sets[1][0]], "a frame moved")
        first = opened.locator(".sorted").first
        becomes(lambda: "1 paid call" in first.inner_text(), "the price of the set")
        assert shop.bought() == 0
        for again in (opened.reload, lambda: opened.get_by_role("link", name="Deutsch").click()):
            again()
            becomes(lambda: frames(opened, 0) == [*sets[0], sets[1][0]], "the frame is where it was moved")
        opened.get_by_role("link", name="English").click()
        first.get_by_role("button", name="Approve this set").wait_for()
        first.get_by_label("Name").fill("Kitchen")
        first.get_by_role("button", name="Approve this set").dblclick()
        opened.get_by_text("Approved. It begins in a moment.").wait_for()
    studio.wait_until(lambda status: any(job["state"] == "done" for job in status["jobs"]))
    assert shop.bought() == 1
    assert studio.filed().keys() == {f"Kitchen/{name}" for name in (*sets[0], sets[1][0])}


def test_who_joins_two_sets_by_keyboard_goes_on_at_the_joined_one(
    page: PageProcess, browser: Browser, sets: Sets
) -> None:
    with tab(browser, page, SHOOT) as opened:
        opened.locator(".joining button").first.press("Enter")
        becomes(lambda: frames(opened, 0) == [*sets[0], *sets[1]], "the sets joined")
        focused = opened.locator(".sorted").first.get_by_label("Name")
        becomes(lambda: focused.evaluate("field => field === document.activeElement"), "the focus")


def test_a_frame_is_dragged_to_another_set_where_the_reader_is(
    page: PageProcess, browser: Browser, sets: Sets
) -> None:
    with tab(browser, page, SHOOT, viewport={"width": 1440, "height": 900}) as opened:

        def in_place() -> bool:
            """Whether the page stays meanwhile; one whose server takes seconds is loaded anew."""
            go(opened, SHOOT)
            opened.evaluate("window.loadedOnce = true; scrollTo(0, 100)")
            opened.evaluate(DRAG)
            becomes(lambda: frames(opened, 0) == [*sets[0], sets[1][0]], "a frame dragged")
            assert frames(opened, 1) == sets[1][1:] and opened.locator("input:checked").count() == 0
            return bool(opened.evaluate("window.loadedOnce && scrollY > 0"))

        becomes(in_place, "a frame dragged in place")
        opened.get_by_role("button", name="Move").click()
        opened.get_by_text("Pick the photos to move first.").wait_for()


def test_a_step_that_the_server_did_not_take_is_said_to_be_tried_again(
    page: PageProcess, browser: Browser, sets: Sets
) -> None:
    with window(browser, page) as opened:
        go(opened, SHOOT)
        opened.get_by_label(sets[1][0]).check()
        page.stop()
        opened.get_by_role("button", name="Move").click()
        opened.get_by_text("Try the same again in a moment.").wait_for()


def test_an_open_page_of_a_project_that_is_gone_says_so(
    studio: Studio, page: PageProcess, browser: Browser, sets: Sets
) -> None:
    with tab(browser, page) as opened:
        opened.get_by_role("link", name=ELM, exact=True).click()
        opened.get_by_role("heading", level=1, name=ELM).wait_for()
        shutil.rmtree(studio.inbox / ELM)
        opened.get_by_text("There is no such project, or not any more.").wait_for()


def test_it_is_for_everybody_at_every_size(
    studio: Studio, page: PageProcess, browser: Browser, sets: Sets
) -> None:
    studio.drop(ELM, "kitchen", bracket())
    studio.wait_until(lambda status: sum(job["held"] for job in status["jobs"]) == 2)
    preview = f"/preview?folder={SHOOT.removeprefix('/held/')}"
    assert everywhere(browser, page, SHOOT, f"/held/{folder_id('inbox', ELM, 'kitchen')}", preview) == []
