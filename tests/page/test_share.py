"""Share links: what they show without a password, what they never show, and when they end."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hotfolder.config.load import load
from hotfolder.control.access import changing
from hotfolder.control.lookup import picture_id, project_id
from hotfolder.jobs.access import share as share_for
from hotfolder.jobs.gallery import delivered
from tests.support.pageprocess import Answer, PageProcess, page_process, set_password
from tests.support.pictures import bracket
from tests.support.studio import MakeStudio, Shop, Studio

pytestmark = pytest.mark.long

ELM, ROOMS = "12 Elm Road", ("front__sky-blue", "hall", "kitchen")


@dataclass
class Shared:
    """A studio with a finished project, and its page."""

    studio: Studio
    page: PageProcess
    project: str

    def id_of(self, name: str) -> str:
        """The id of a delivered picture."""
        jobs = self.studio.reading(lambda store: delivered(store, ELM)) or []
        every = [(one.job.id, each.path) for one in jobs for each in one.pictures]
        return next(picture_id(job, path) for job, path in every if path == f"{ELM}/{name}")

    def link(self, *names: str, days: int = 30) -> str:
        """The path of a new link; its address is on the page that answers, and on no other."""
        chosen = [("picture", self.id_of(name)) for name in names]
        answer = self.page.post(f"/project/{self.project}/share", [("days", str(days)), *chosen])
        assert answer.status == 200, answer.text
        [token] = re.findall(rf'value="http://127.0.0.1:{self.page.port}/share/([\w-]{{22}})/"', answer.text)
        assert token not in self.page.get(f"/project/{self.project}/share").text + self.page.text()
        return f"/share/{token}/"

    def everything_on(self, path: str) -> dict[str, Answer]:
        """All addresses on a link's page."""
        answer = self.page.get(path)
        assert answer.status == 200
        found = set(re.findall(r'(?:href|src|data-before)="([^"#]+)"', answer.text))
        looks = {"/static/gallery.css", "/static/gallery.js"}
        assert looks < found and all(one.startswith(path) for one in found - looks), found
        return {one: self.page.get(one) for one in found}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, one_shop: Shop) -> Studio:
    """A studio whose daemon has finished the project."""
    one_shop.mark()
    studio = Studio(tmp_path_factory.mktemp("finished") / "studio")
    for folder in ROOMS:
        studio.drop(ELM, folder, bracket())
    asyncio.run(studio.until_idle(one_shop.access()))
    return studio


@pytest.fixture
def shared(studio: Studio, finished: Studio) -> Iterator[Shared]:
    """A copy of it."""
    shutil.copytree(finished.root, studio.root, dirs_exist_ok=True)
    with page_process(studio) as page:
        yield Shared(studio, page, project_id("inbox", ELM))


def test_a_link_shows_the_chosen_pictures_with_their_unaltered_ones_and_no_other(shared: Shared) -> None:
    """By content: the full pictures are the delivered ones, and no address leads to another one."""
    path = shared.link("front__sky-blue.png", "hall.jpg")
    answers = shared.everything_on(path)
    assert {answer.status for answer in answers.values()} == {200}
    done = shared.studio.done / ELM
    full = {answer.body for address, answer in answers.items() if "/full/" in address}
    assert full == {(done / name).read_bytes() for name in ("front__sky-blue.png", "front.jpg", "hall.jpg")}
    page = shared.page.get(path).text
    assert "digitally altered: sky replaced." in page and "Kitchen" not in page
    own = {address.rpartition("/")[2].partition(".")[0] for address in answers if "/full/" in address}
    others = shared.everything_on(shared.link("kitchen.jpg"))
    foreign = {address.rpartition("/")[2] for address in others if "/full/" in address}
    assert not own & {name.partition(".")[0] for name in foreign}
    for name in foreign:
        for size in ("full", "large", "small"):
            stem = name if size == "full" else f"{name.partition('.')[0]}.jpg"
            assert shared.page.get(f"{path}{size}/{stem}").status == 404


def test_a_link_leads_to_however_many_pictures_are_chosen(shared: Shared) -> None:
    """The last of 3,000 is not left out."""
    others = [("picture", shared.id_of("kitchen.jpg"))] * 3000
    answer = shared.page.post(
        f"/project/{shared.project}/share", [("days", "7"), *others, ("picture", shared.id_of("hall.jpg"))]
    )
    assert answer.status == 200 and "/share/" in answer.text and "2 pictures, open" in answer.text


def test_a_project_whose_sets_all_wait_has_nothing_to_share_yet(at_work: MakeStudio) -> None:
    studio = at_work(routes=[{"name": "all", "match": {"room": "*"}, "group": "review"}])
    studio.drop(ELM, "kitchen", bracket())
    studio.wait_until(lambda status: any(job["held"] for job in status["jobs"]))
    sharing = f"/project/{project_id('inbox', ELM)}/share"
    with page_process(studio) as page:
        assert sharing in page.get(sharing.removesuffix("/share")).text
        answer = page.get(sharing)
        assert answer.status == 200 and "Nothing of this project has been delivered yet." in answer.text


def test_a_form_that_is_older_than_its_pictures_makes_no_link_to_the_rest(shared: Shared) -> None:
    """A picture that was made anew meanwhile has another id."""
    chosen = [("picture", "abcdefgh-0123456789abcdef0123"), ("picture", shared.id_of("hall.jpg"))]
    for pictures in (chosen, chosen[:1]):
        answer = shared.page.post(f"/project/{shared.project}/share", [("days", "7"), *pictures])
        assert answer.status == 409 and "some were made anew or taken away" in answer.text
    assert "/revoke" not in shared.page.get(f"/project/{shared.project}/share").text


@pytest.mark.parametrize("below", ["", "/share"])
def test_all_pictures_or_none_can_be_chosen_to_begin_with(shared: Shared, below: str) -> None:
    address = f"/project/{shared.project}{below}"
    for chosen, number in (("", 4), ("?pick=all", 4), ("?pick=none", 0)):
        page = shared.page.get(f"{address}{chosen}").text
        assert (page.count('type="checkbox"'), page.count(" checked>")) == (4, number)
    assert 'pick=none#pictures"' in page and 'pick=all#pictures"' in page


def test_an_address_below_a_link_is_no_path(shared: Shared) -> None:
    path = shared.link("hall.jpg")
    for below in (
        "full/../../../config.yaml",
        "full/%2e%2e%2fconfig.yaml",
        "state/hotfolder.sqlite3",
        "gallery.json",
    ):
        assert shared.page.get(f"{path}{below}").status == 404


def test_a_revoked_link_leads_nowhere_at_once(shared: Shared) -> None:
    """The page and its pictures are gone; another link stays."""
    path, other = shared.link("hall.jpg"), shared.link("kitchen.jpg")
    answers = shared.everything_on(path)
    page = shared.page.get(f"/project/{shared.project}/share").text
    revoking = re.findall(r'action="(/project/[^"]*/revoke)"', page)
    assert len(revoking) == 2 and page.count(", 1 picture, open until") == 2
    assert shared.page.post(revoking[1]).status == 303  # the newest one is first
    for address, answer in answers.items():
        if address.startswith("/static/"):
            continue
        fresh = shared.page.get(address, If_None_Match=answer.headers.get("etag", ""))
        assert fresh.status == 404, address
    told = shared.page.get(f"{path}?lang=en").text
    assert "any more" in told and "Back to the overview" not in told
    assert shared.page.get(other).status == 200
    assert "revoked" in shared.page.get(f"/project/{shared.project}/share").text


def test_a_link_opens_nothing_but_itself_where_a_password_is_set(shared: Shared) -> None:
    """Nobody signs in to see it, and it signs nobody in."""
    path = shared.link("hall.jpg")
    picture = f"/thumb/{shared.id_of('hall.jpg')}"
    set_password(shared.studio, "a long password")
    shared.page.cookies.clear()
    elsewhere = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert shared.page.get(path, **elsewhere).status == 200
    assert {answer.status for answer in shared.everything_on(path).values()} == {200}
    assert shared.page.get("/favicon.ico").headers["content-type"] == "image/svg+xml"
    for closed in ("/", f"/project/{shared.project}/share", picture):
        assert shared.page.get(closed).status == 401


def test_a_link_that_is_over_leads_nowhere(shared: Shared) -> None:
    over, pictures = datetime.now(UTC) - timedelta(days=1), [f"{ELM}/hall.jpg"]
    with changing(load(shared.studio.config, {})) as store:
        token = share_for(store, "inbox", ELM, pictures, over, over)
    assert shared.page.get(f"/share/{token}/").status == 404
    assert "over since" in shared.page.get(f"/project/{shared.project}/share").text


@pytest.mark.parametrize(
    ("ends", "said", "auf_deutsch"),
    [
        ("revoked", "The studio that sent it to you has revoked it", "hat ihn widerrufen"),
        ("expired", "Its time is up", "Seine Zeit ist abgelaufen"),
        ("gone", "Its pictures were made anew or taken away", "neu gemacht oder entfernt"),
        ("never", "There is no such link", "Diesen Link gibt es nicht"),
    ],
)
def test_a_client_whose_link_has_ended_reads_why_and_whom_to_ask_and_has_no_way_to_the_sign_in(
    shared: Shared, ends: str, said: str, auf_deutsch: str
) -> None:
    """Also where a picture is asked for, from a gallery's page that is still open."""
    path = shared.link("hall.jpg")
    gallery = f"http://127.0.0.1:{shared.page.port}{path}"
    picture = next(one for one in shared.everything_on(path) if "/full/" in one)
    if ends == "revoked":
        page = shared.page.get(f"/project/{shared.project}/share").text
        [revoking] = re.findall(r'action="(/project/[^"]*/revoke)"', page)
        shared.page.post(revoking)
    elif ends == "expired":
        start = datetime.now(UTC) - timedelta(days=31)
        with changing(load(shared.studio.config, {})) as store:
            token = share_for(store, "inbox", ELM, [f"{ELM}/hall.jpg"], start, start + timedelta(days=30))
        picture, path = picture.replace(path, f"/share/{token}/"), f"/share/{token}/"
    elif ends == "gone":
        (shared.studio.done / ELM / "hall.jpg").unlink()
    else:
        picture, path = picture.replace(path, "/share/never/"), "/share/never/"
    set_password(shared.studio, "a long password")
    shared.page.cookies.clear()
    for address in (path, picture):
        answer = shared.page.get(address, Accept="text/html", Accept_Language="en", Referer=gallery)
        assert answer.status == 404 and said in answer.text and "the studio" in answer.text
        german = shared.page.get(address, Accept="text/html", Accept_Language="de", Referer=gallery)
        assert german.status == 404 and auf_deutsch in german.text and "Studio" in german.text
        for page in (answer.text, german.text):
            assert set(re.findall(r'<a[^>]* href="([^"]*)"', page)) <= {"#content", "?lang=de", "?lang=en"}


def test_a_picture_that_is_no_longer_the_delivered_one_is_not_shown(shared: Shared, tmp_path: Path) -> None:
    """The same goes for a picture replaced by a link."""
    path = shared.link("hall.jpg", "kitchen.jpg")
    before = {one for one, answer in shared.everything_on(path).items() if "/full/" in one}
    done = shared.studio.done / ELM
    elsewhere = tmp_path / "elsewhere.jpg"
    (done / "hall.jpg").rename(elsewhere)
    (done / "hall.jpg").symlink_to(elsewhere)
    (done / "kitchen.jpg").write_bytes(next(iter(bracket(1).values())))
    for one in before:
        answer = shared.page.get(one, Referer=f"http://127.0.0.1:{shared.page.port}{path}")
        assert answer.status == 404 and "Sign in" not in answer.text


def linked_elsewhere(path: Path) -> None:
    elsewhere = path.parents[1] / path.name
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


@pytest.mark.parametrize(
    "goes",
    [
        pytest.param(Path.unlink, id="taken away"),
        pytest.param(lambda path: path.write_bytes(next(iter(bracket(1).values()))), id="exchanged"),
        pytest.param(linked_elsewhere, id="a link"),
    ],
)
def test_a_picture_that_is_not_as_delivered_is_neither_offered_nor_on_a_link_s_page(
    shared: Shared, goes: Callable[[Path], None]
) -> None:
    """Nor is it said to be shown beside its altered one."""
    done = shared.studio.done / ELM
    path, front = shared.link("hall.jpg", "front__sky-blue.png"), shared.id_of("front.jpg")
    assert "The original, unaltered image is shown beside it." in shared.page.get(path).text
    goes(done / "front.jpg")
    assert front not in shared.page.get(f"/project/{shared.project}/share").text
    told = shared.everything_on(path)
    assert {answer.status for answer in told.values()} == {200}
    assert "The original, unaltered image is shown beside it." not in shared.page.get(path).text
    for name in ("hall.jpg", "front__sky-blue.png"):
        goes(done / name)
    assert shared.page.get(path).status == 404


def test_a_link_of_another_project_is_not_revoked_from_here(shared: Shared) -> None:
    path = shared.link("hall.jpg")
    page = shared.page.get(f"/project/{shared.project}/share").text
    [revoking] = re.findall(r'action="(/project/[^"]*/revoke)"', page)
    assert shared.page.post(revoking.replace(shared.project, "0" * 20)).status in (404, 409)
    assert shared.page.get(path).status == 200


def test_the_gallery_is_made_by_a_button(shared: Shared) -> None:
    assert shared.page.post(f"/project/{shared.project}/gallery").status == 303
    assert (shared.studio.done / ELM / "gallery" / "index.html").is_file()


def test_what_a_gallery_lacks_that_was_made_by_a_button_is_named(shared: Shared) -> None:
    (shared.studio.done / ELM / "kitchen.jpg").unlink()
    told = shared.page.post(f"/project/{shared.project}/gallery").text
    assert "It is made" in told and "kitchen.jpg is left out: " in told


def test_a_link_that_has_lost_its_end_still_leads_there_and_nowhere_else(shared: Shared) -> None:
    """The redirect never uses a host or scheme that the page itself can't know."""
    path = shared.link("hall.jpg")
    answer = shared.page.get(path.rstrip("/"))
    assert (answer.status, answer.headers["location"]) == (303, path)


def test_a_link_that_was_copied_with_what_stood_behind_it_still_leads_there(shared: Shared) -> None:
    """To whoever has no password, too; one that leads nowhere says whom to ask."""
    path = shared.link("hall.jpg")
    set_password(shared.studio, "a long password")
    shared.page.cookies.clear()
    for behind in (")", ").", ",", "%E2%80%9D", ")/", "%3E"):
        answer = shared.page.get(f"{path}{behind}", Accept="text/html")
        assert (answer.status, answer.headers.get("location")) == (303, path), behind
    for nothing in ("/share/", "/share/%20", "/share//evil.example", "/share/nothing/)", f"{path}a/b/c/d"):
        answer = shared.page.get(nothing, Accept="text/html", Accept_Language="en")
        if answer.status == 303:
            answer = shared.page.get(answer.headers["location"], Accept="text/html", Accept_Language="en")
        assert answer.status == 404 and "Ask whoever gave it to you" in answer.text, nothing


def test_a_link_to_nothing_or_for_no_time_is_refused_with_a_sentence(shared: Shared) -> None:
    picture = shared.id_of("hall.jpg")
    chosen = [{"days": "30"}, {"days": "30", "picture": "x"}, {"picture": picture}]
    for_no_time = [{"days": days, "picture": picture} for days in ("9" * 5000, "8", "-7", "", "٧")]
    for fields in (*chosen, *for_no_time):
        answer = shared.page.post(f"/project/{shared.project}/share", fields)
        assert answer.status == 409, fields
        told = "No picture is chosen.", "A link is open for", "made anew or taken away"
        assert any(sentence in answer.text for sentence in told), fields
