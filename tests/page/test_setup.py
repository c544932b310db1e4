"""`run` in a container with neither settings nor key: a page asks for them, behind a link in the log."""

from __future__ import annotations

import re
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from starlette.routing import Route

from hotfolder.page.setup import SetupSite, setup_app
from tests.support.browser import chromium, faults, faults_at_every_size, tab
from tests.support.pageprocess import Answer, PageProcess, told
from tests.support.pictures import bracket
from tests.support.studio import FILE_TIMEOUT_SECONDS, Shop, begun, environment, files_into, wait_for

pytestmark = pytest.mark.long

KEY, PASSWORD = "a-key-of-some-length", "a long password"
ROUTES = [
    one for one in setup_app(SetupSite(Path("x"), {}, Path("/"), None, True)).routes if isinstance(one, Route)
]


class Container:
    """`hotfolder run --page` as the image starts it, with another folder for /data."""

    def __init__(self, data: Path, shop: Shop, page_port: int, **variables: str) -> None:
        self.data, self.page_port = data, page_port
        data.mkdir()
        self.log = data.with_suffix(".log")
        variables = {
            "HOTFOLDER_SETUP_PORT": "0",
            "HOTFOLDER_PAGE__PORT": str(self.page_port),
            "HOTFOLDER_API__BASE_URL": shop.url,
            "HOTFOLDER_API__STORAGE_HOSTS": shop.storage_host,
            "HOTFOLDER_SETTLE__QUIET_SECONDS": "0.4",
            **variables,
        }
        words = [sys.executable, "-m", "hotfolder", "run", "--page", "--config", str(data / "config.yaml")]
        self.run = begun(words, self.log, {**environment(None), **variables})
        self.process = self.run.process

    def told(self, event: str) -> dict[str, str]:
        return told(self.process, self.log, event)

    def link(self) -> tuple[int, str]:
        """The link in the log: its port, and its path with the token."""
        found = re.fullmatch(r"http://THIS-MACHINE:(\d+)(/setup/\S+)", self.told("settings_missing")["open"])
        assert found is not None
        return int(found[1]), found[2]

    def browser(self) -> PageProcess:
        return PageProcess(self.process, self.log, self.link()[0])

    def answers(self, **changes: str) -> dict[str, str]:
        return {"root": str(self.data), "key": KEY, "password": PASSWORD, "again": PASSWORD, **changes}


Start = Callable[..., Container]


def asked_again(browser: PageProcess, path: str, answers: dict[str, str], **headers: str) -> Answer:
    """The form that follows a wrong answer: by a redirect, since the browser's Back can't load the answer to
    a form again. No secret is in it."""
    answer = browser.post(path, answers, **headers)
    assert (answer.status, answer.headers["location"]) == (303, path), answer.text
    answer = browser.get(path, **headers)
    assert answer.status == 200
    for name in ("key", "password", "again"):
        assert not answers.get(name) or f'"{answers[name]}"' not in answer.text
    return answer


@pytest.fixture
def start(tmp_path: Path, shop: Shop, free_port: int) -> Iterator[Start]:
    made: list[Container] = []

    def starting(**variables: str) -> Container:
        made.append(Container(tmp_path / f"data{len(made)}", shop, free_port, **variables))
        return made[-1]

    yield starting
    for one in made:
        one.run.end()


def test_every_route_is_closed_to_who_has_not_read_the_log(start: Start) -> None:
    """Only the listed routes are served: no page of a studio, no health."""
    browser = start().browser()
    assert len(ROUTES) == 3
    asked = [
        (method, re.sub(r"\{\w+\}", "page.css", one.path)) for one in ROUTES for method in one.methods or ()
    ]
    for method, path in [*asked, ("GET", "/"), ("GET", "/signin"), ("GET", "/first/x"), ("GET", "/readyz")]:
        same = {"Origin": f"http://127.0.0.1:{browser.port}"}
        status, body = browser.status(method, path, **same)
        assert status == 404, (method, path)
        assert b"setup" not in body.lower()


def test_what_is_given_is_written_and_the_daemon_begins(start: Start) -> None:
    container = start()
    browser, (_, path) = container.browser(), container.link()
    assert "text/css" in (browser.get(path), browser.get("/static/page.css"))[1].headers["content-type"]
    said = browser.post(path, container.answers())
    assert said.status == 200 and "hotfolder begins" in said.text and KEY not in said.text
    assert browser.get(path).status == 404  # the token opens once
    container.told("started")
    state = container.data / "state"
    settings = yaml.safe_load((container.data / "config.yaml").read_text())
    assert settings == {
        "root": str(container.data),
        "state": str(state),
        "api": {"key_file": str(state / "key")},
        "page": {"host": "0.0.0.0", "hosts": ["127.0.0.1"]},
    }
    assert ((state / "key").read_text(), stat.S_IMODE((state / "key").stat().st_mode)) == (f"{KEY}\n", 0o600)
    container.told("page_started")
    page = PageProcess(container.process, container.log, container.page_port)
    assert page.get("/", Accept="text/html").status == 303
    assert page.post("/signin", {"to": "/", "password": PASSWORD}).status == 303
    files_into(container.data / "inbox" / "12 Elm Road" / "hall", bracket(3))
    wait_for((container.data / "done" / "12 Elm Road" / "hall.jpg").exists, container.log.read_text)
    assert KEY not in container.log.read_text() and PASSWORD not in container.log.read_text()


@pytest.mark.parametrize(
    ("wrong", "said", "at"),
    [
        ({"key": "two words"}, "That can&#39;t be a key", "key"),
        ({"root": "/nowhere"}, "write into that folder", "root"),
        ({"root": "data"}, "write into that folder", "root"),
        ({"again": "another one"}, "The two passwords are different.", "password"),
        ({"password": "short", "again": "short"}, "at least 10 letters", "password"),
    ],
)
def test_a_wrong_answer_is_asked_for_again_at_its_field_and_nothing_is_written(
    start: Start, wrong: dict[str, str], said: str, at: str
) -> None:
    container = start()
    browser, (_, path) = container.browser(), container.link()
    answer = asked_again(browser, path, container.answers(**wrong))
    assert said in answer.text, answer.text
    marked = re.findall(r'<input id="(\w+)"[^>]* aria-invalid="true" autofocus>', answer.text)
    assert marked == [at] and answer.text.count("autofocus") == 1
    assert list(container.data.iterdir()) == []
    required = re.findall(r'<input id="(\w+)"[^>]* required', answer.text)
    assert required == ["root", *{"key": ["key"], "password": ["password", "again"]}.get(at, [])]
    last = {"root": {"root": str(container.data)}, "key": {"key": KEY}}.get(
        at, {"password": PASSWORD, "again": PASSWORD}
    )
    emptied = {"key": "", "password": "", "again": "", "root": container.answers(**wrong)["root"]}
    assert browser.post(path, {**emptied, **last}).status == 200
    assert (container.data / "state" / "key").read_text() == f"{KEY}\n"
    container.told("page_started")
    page = PageProcess(container.process, container.log, container.page_port)
    assert page.post("/signin", {"password": PASSWORD}).status == 303


def test_a_new_secret_takes_the_place_of_a_kept_one(start: Start) -> None:
    container = start()
    browser, (_, path) = container.browser(), container.link()
    asked_again(browser, path, container.answers(root="/nowhere"))
    new = {"key": "another-key-of-some-length", "password": "another password", "again": "another password"}
    told = asked_again(browser, path, {**new, "root": "/nowhere", "again": ""}).text
    assert "The two passwords are different." in told and "another-key" not in told
    assert browser.post(path, container.answers(**new)).status == 200
    assert (container.data / "state" / "key").read_text() == f"{new['key']}\n"
    container.told("page_started")
    page = PageProcess(container.process, container.log, container.page_port)
    assert page.post("/signin", {"password": PASSWORD}).status == 403
    assert page.post("/signin", {"password": new["password"]}).status == 303


def test_a_key_that_the_api_refuses_is_not_written(start: Start, tmp_path: Path) -> None:
    with Shop(tmp_path / "strict", required_key="the-right-key") as strict:
        container = start(HOTFOLDER_API__BASE_URL=strict.url)
        browser, (_, path) = container.browser(), container.link()
        assert "Stager AI refuses this key" in asked_again(browser, path, container.answers()).text
        assert list(container.data.iterdir()) == []
        assert browser.post(path, container.answers(key="the-right-key")).status == 200


def test_what_stands_in_the_way_is_told_in_the_reader_s_language_with_what_to_do(start: Start) -> None:
    container = start(HOTFOLDER_LIMITS__UPLOADS="many")
    browser, (_, path) = container.browser(), container.link()
    answer = asked_again(browser, path, container.answers(), **{"Accept-Language": "de"})
    assert "limits.uploads muss eine ganze Zahl sein, nicht „many“" in answer.text
    container = start()
    browser, (_, path) = container.browser(), container.link()
    (container.data / "state").write_bytes(b"")
    answer = asked_again(browser, path, container.answers(), **{"Accept-Language": "de"})
    assert "liegt eine Datei. Diese Datei umbenennen" in answer.text


def test_a_form_of_another_site_is_refused(start: Start) -> None:
    container = start()
    browser, (_, path) = container.browser(), container.link()
    assert browser.post(path, container.answers(), Origin="http://elsewhere.example").status == 403
    assert list(container.data.iterdir()) == []


def test_a_stop_while_it_waits_is_fine(start: Start) -> None:
    container = start()
    container.link()
    container.process.send_signal(signal.SIGTERM)
    assert container.process.wait(FILE_TIMEOUT_SECONDS) == 0


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"HOTFOLDER_ROOT": "."}, 2),
        ({"HOTFOLDER_ROOT": ".", "STAGER_API_KEY": KEY, "HOTFOLDER_PAGE__HOST": "0.0.0.0"}, 2),
        ({"HOTFOLDER_SETUP_PORT": ""}, 2),
    ],
)
def test_whoever_says_something_by_the_environment_is_asked_nothing(
    start: Start, variables: dict[str, str], code: int
) -> None:
    """Such a container fails as before with 2: without a key, and for a public page without a password."""
    container = start(**variables)
    assert container.process.wait(FILE_TIMEOUT_SECONDS) == code
    assert "settings_missing" not in container.log.read_text()


def test_everybody_can_use_it_at_every_size_in_both_languages(start: Start) -> None:
    container = start()
    browser, (_, path) = container.browser(), container.link()
    with chromium() as opened:
        for language, title in (("en", "Set up hotfolder"), ("de", "hotfolder einrichten")):
            with tab(opened, browser, f"{path}?lang={language}") as page:
                assert page.title().startswith(title)
                assert faults_at_every_size(page) == []
        with tab(opened, browser, path) as page:
            field = page.locator("input:focus")  # that of the key
            field.wait_for()
            page.keyboard.type("not a key")
            for label in ("A password for the page", "Once more"):
                page.get_by_label(label).fill(PASSWORD)
            page.get_by_label("The folder of the photos").fill(str(container.data))
            page.keyboard.press("Enter")
            page.get_by_role("alert").wait_for()
            assert faults(page) == []
            field.wait_for()
            page.keyboard.type("not one either")
            page.keyboard.press("Enter")
            page.get_by_role("alert").wait_for()
            page.go_back()  # to the form, which was no answer to a posted one
            assert page.get_by_label("The folder of the photos").input_value() == str(container.data)
            field.wait_for()
            page.keyboard.type(KEY)
            page.keyboard.press("Enter")
            page.get_by_role("heading", name="hotfolder begins").wait_for()
            page.wait_for_load_state()
            assert page.evaluate("getComputedStyle(document.body).margin") == "0px"  # its style was loaded
