"""Galleries of real projects: their content, when they are made, and what they never show."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, update

from hotfolder.daemon import galleries
from hotfolder.jobs.gallery import delivered, due_projects, with_receipts
from hotfolder.jobs.model import Job
from hotfolder.newfiles import own_prefix, set_temporaries_owner
from tests.support import crashing
from tests.support.pictures import bracket
from tests.support.studio import ELM, MakeStudio, Shop, Studio, digest, files_below, until

pytestmark = pytest.mark.long

BASE_URL = "https://pictures.example.com/galleries"
EVERYTHING = {"deliver": {"gallery": True, "label": "Digitally altered"}, "gallery": {"base_url": BASE_URL}}
HOSTILE = "<script>alert(1)<b> \"x' 100% #1"


@pytest.fixture
def studio(make_studio: MakeStudio) -> Studio:
    return make_studio(**EVERYTHING)


class Page(HTMLParser):
    """The tags, addresses and text of a gallery's page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def addresses(self) -> set[str]:
        names = ("href", "src", "data-before")
        return {told for _, attributes in self.tags for name in names if (told := attributes.get(name))}


def gallery(studio: Studio, project: str = ELM) -> Path:
    return studio.done / project / "gallery"


def receipts(studio: Studio) -> Iterator[dict[str, Any]]:
    for path in studio.done.glob("*/receipts/*.json"):
        yield from json.loads(path.read_bytes())["pictures"]


def leftovers(studio: Studio) -> list[Path]:
    return list(studio.done.rglob(".hotfolder-tmp-*"))


async def test_every_picture_is_on_the_page_with_the_hash_of_its_receipt(studio: Studio) -> None:
    """The copies in the gallery have that hash too; an altered picture stands beside its unaltered one."""
    for folder in ("front__sky-blue", "kitchen"):
        studio.drop(ELM, folder, bracket())
    await studio.until_idle()
    told = {one["sha256"]: tuple(one["altered"]) for one in receipts(studio) if not one["rendition"]}
    page = Page(gallery(studio) / "index.html")
    assert set(re.findall(r"\b[0-9a-f]{64}\b", page.text)) == told.keys()
    full = {digest(path) for path in (gallery(studio) / "full").iterdir()}
    assert full == told.keys()
    assert page.text.count("digitally altered: sky replaced.") == 1
    altered = next(sha256 for sha256, kinds in told.items() if kinds)
    [beside] = [tag["data-before"] for _, tag in page.tags if "data-before" in tag]
    [pair] = [one for one in manifest(studio)["pictures"] if one["sha256"] == altered]
    unaltered = next(one for one in manifest(studio)["pictures"] if one["sha256"] == pair["unaltered"])
    assert unaltered["altered"] == [] and Path(str(beside)).stem == Path(unaltered["full"]).stem
    assert leftovers(studio) == []


def manifest(studio: Studio, project: str = ELM) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((gallery(studio, project) / "gallery.json").read_bytes())
    return found


async def test_a_picture_that_was_deleted_and_made_anew_under_its_name_is_shown(studio: Studio) -> None:
    """Beside none of the earlier pictures, which were made of other photos."""
    await studio.drop_and_run(ELM, "front__sky-blue", bracket())
    (studio.done / ELM / "front.jpg").unlink()
    await studio.drop_and_run(ELM, "front__sky-blue", bracket())
    anew = digest(studio.done / ELM / "front.jpg")
    beside = {one["delivered"].partition("/")[2]: one["unaltered"] for one in manifest(studio)["pictures"]}
    assert beside == {"front.jpg": "", "front__sky-blue (2).png": anew, "front__sky-blue.png": ""}
    assert "left out" not in studio.say("gallery", ELM).output
    lacking = studio.say("verify", "--disclosure", ELM, columns=999).output
    assert "(2)" not in lacking and "front__sky-blue.png: there is no unaltered picture" in lacking


async def test_all_that_a_page_refers_to_lies_in_its_folder(studio: Studio) -> None:
    """Addresses are relative and mean the same on every host, whatever rooms and projects are called."""
    studio.drop(HOSTILE, f"front{HOSTILE}__sky-blue", bracket())
    await studio.drop_and_run(HOSTILE, "..front", bracket())
    [project] = [path.name for path in studio.done.iterdir() if path.is_dir()]
    for name in ("index.html", "de.html"):
        page = Page(gallery(studio, project) / name)
        scripts = [attributes for tag, attributes in page.tags if tag == "script"]
        assert [one.get("src") for one in scripts] == ["gallery.js"]
        assert "alert(1)" in page.text
        assert not {tag for tag, attributes in page.tags if any(one.startswith("on") for one in attributes)}
        assert not any(
            tag in ("b", "style", "iframe") or "style" in attributes for tag, attributes in page.tags
        )
        inside = {one for one in page.addresses() if not one.startswith(BASE_URL)}
        assert all(re.fullmatch(r"[a-z0-9./-]+", one) for one in inside), inside
        assert {one for one in inside if not (gallery(studio, project) / one).is_file()} == set()


async def test_rooms_come_in_the_order_of_their_numbers(studio: Studio) -> None:
    for room in ("Bedroom 10", "Bedroom 2", "attic"):
        studio.drop(ELM, room, bracket())
    await studio.until_idle()
    shown = re.findall("attic|Bedroom [0-9]+", Page(gallery(studio) / "index.html").text, re.IGNORECASE)
    assert list(dict.fromkeys(one.lower() for one in shown)) == ["attic", "bedroom 2", "bedroom 10"]


async def test_projects_whose_names_differ_in_case_have_one_gallery_where_their_folders_are_one(
    studio: Studio, shop: Shop
) -> None:
    """Else the gallery of each would replace that of the other."""
    studio.drop("Elm", "front", bracket())
    studio.drop("elm", "kitchen", bracket())
    await studio.until_idle(shop.access())
    assert [len(manifest(studio, name)["pictures"]) for name in ("Elm", "elm")] == [1, 1]

    def in_gallery_of(project: str) -> list[str]:
        jobs = studio.reading(lambda store: delivered(store, project)) or []
        return sorted(one.job.project for one in with_receipts(jobs, studio.done, project))

    assert (in_gallery_of("Elm"), in_gallery_of("elm")) == (["Elm"], ["elm"])
    shutil.rmtree(studio.done / "elm")
    assert (in_gallery_of("Elm"), in_gallery_of("elm")) == (["Elm"], ["elm"])
    (studio.done / "elm").symlink_to("Elm")  # in place of a disk on which case doesn't count
    assert (in_gallery_of("Elm"), in_gallery_of("elm")) == (["Elm", "elm"], ["Elm", "elm"])


async def test_a_gallery_is_made_anew_with_each_finished_set_and_keeps_what_people_put_there(
    studio: Studio,
) -> None:
    await studio.drop_and_run(ELM, "front", bracket())
    (gallery(studio) / ".htaccess").write_text("Options -Indexes")
    (gallery(studio) / "extra").mkdir()
    (gallery(studio) / "extra" / "logo.svg").write_text("<svg/>")
    await studio.drop_and_run(ELM, "kitchen", bracket())
    assert len(manifest(studio)["pictures"]) == 2
    assert (gallery(studio) / ".htaccess").read_text() == "Options -Indexes"
    assert (gallery(studio) / "extra" / "logo.svg").is_file()
    assert studio.call("gallery", ELM).stdout.endswith("2 pictures, as before.\n")


async def test_a_set_that_ended_by_a_clock_that_was_ahead_keeps_no_later_one_out(studio: Studio) -> None:
    """As that of another machine, or this one's before it was put right."""
    await studio.drop_and_run(ELM, "hall", bracket())
    with studio.store() as store, store.session.begin() as session:
        session.exec(update(Job).values(updated_at=datetime.now(UTC) + timedelta(days=1)))
    for project in ("14 Elm Road", "16 Elm Road"):
        await studio.drop_and_run(project, "bath", bracket())
        assert len(manifest(studio, project)["pictures"]) == 1


async def test_a_set_that_ends_while_others_are_looked_for_is_not_passed_over(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside one that ended by a clock that was ahead, and is found each time."""

    def end(project: str, at: datetime) -> None:
        with studio.store() as store, store.session.begin() as session:
            session.exec(update(Job).where(col(Job.project) == project).values(updated_at=at))

    def ending_behind(*asked: Any) -> Any:
        found = due_projects(*asked)
        if not ended:
            ended.append("14 Elm Road")
            end("14 Elm Road", datetime.now(UTC))
        return found

    ended: list[str] = []
    for project in (ELM, "14 Elm Road"):
        await studio.drop_and_run(project, "hall", bracket())
    end(ELM, datetime.now(UTC) + timedelta(days=1))
    end("14 Elm Road", datetime.now(UTC) - timedelta(days=1))
    shutil.rmtree(gallery(studio, "14 Elm Road"))
    monkeypatch.setattr(galleries, "due_projects", ending_behind)
    for room in ("bath", "loft"):
        await studio.drop_and_run("16 Elm Road", room, bracket())
    assert ended and len(manifest(studio, "14 Elm Road")["pictures"]) == 1


async def test_galleries_are_made_although_they_were_recorded_as_made_until_a_time_to_come(
    studio: Studio,
) -> None:
    """As by a version that took the time of a clock that was ahead."""
    await studio.drop_and_run(ELM, "hall", bracket())
    with studio.store() as store:
        ahead = datetime.now(UTC) + timedelta(days=1)
        store.publish(galleries.MADE_UNTIL, {"until": ahead.isoformat()}, datetime.now(UTC))
    await studio.drop_and_run("14 Elm Road", "hall", bracket())
    assert len(manifest(studio, "14 Elm Road")["pictures"]) == 1


async def test_what_was_changed_taken_away_or_replaced_by_a_link_is_left_out_and_said(
    make_studio: MakeStudio, tmp_path: Path
) -> None:
    """Only delivered content is ever shown or copied."""
    studio = make_studio()
    for room in ("front", "gone", "kitchen", "hall"):
        studio.drop(ELM, room, bracket())
    await studio.until_idle()
    project = studio.done / ELM
    secret = tmp_path / "secret.jpg"
    secret.write_bytes((project / "front.jpg").read_bytes())
    (project / "front.jpg").unlink()
    (project / "front.jpg").symlink_to(secret)
    (project / "gone.jpg").unlink()
    (project / "kitchen.jpg").write_bytes(b"something else")
    made = studio.call("gallery", ELM)
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith(f"{gallery(studio)}/index.html: 1 picture.")
    for what in ("front.jpg is left out: it is a link", "gone.jpg is left out", "kitchen.jpg is left out"):
        assert what in made.stderr
    assert list(files_below(gallery(studio) / "full").values()) == [(project / "hall.jpg").read_bytes()]


async def test_a_folder_of_somebody_else_is_left_alone_and_fails_no_set(studio: Studio) -> None:
    """It is told, and the gallery is made by itself once the name is free, also after a link to elsewhere."""
    gallery(studio).mkdir(parents=True)
    (gallery(studio) / "mine.txt").write_text("mine")
    studio.drop(ELM, "front", bracket())
    async with studio.working():
        await studio.comes_to("done")
        status = await studio.comes_to_say(lambda status: status["notices"])
        [told] = status["notices"]
        assert told == (
            f"The gallery of {ELM} can't be made: {gallery(studio)} is there, and isn't a gallery that"
            " hotfolder made. Rename it; the gallery is made by itself then."
        )
        assert files_below(gallery(studio)) == {"mine.txt": b"mine"}
        elsewhere = studio.root / "elsewhere"
        gallery(studio).rename(elsewhere)
        gallery(studio).symlink_to(elsewhere)
        refused = studio.say("gallery", ELM)
        assert refused.exit_code == 3 and "is a link" in refused.output
        gallery(studio).unlink()
        await studio.comes_to_say(lambda _: (gallery(studio) / "index.html").exists())
        await studio.comes_to_say(lambda status: not status["notices"])
    assert files_below(elsewhere) == {"mine.txt": b"mine"}


def test_a_set_that_was_finished_in_a_crash_is_in_the_gallery_after_the_next_start(
    studio: Studio, shop: Shop
) -> None:
    """This also holds where temporary files of the killed process remain."""
    studio.drop(ELM, "front__sky-blue", bracket())
    assert crashing.live(studio, shop, kill_at="job_ended", nth=1) == -9
    assert not gallery(studio).exists()
    store = studio.reading(lambda store: store.identity())
    assert store is not None
    set_temporaries_owner(store, store)
    left = studio.done / ELM / f"{own_prefix()}0123456789abcdef"
    (left / "gallery" / "full").mkdir(parents=True)
    (left / "gallery" / "full" / "half.jpg").write_bytes(b"half")
    assert crashing.live(studio, shop) == 0
    assert len(manifest(studio)["pictures"]) == 2
    assert leftovers(studio) == []


async def test_two_skies_of_one_room_are_told_apart(make_studio: MakeStudio) -> None:
    """Whether they are two sets of the same photos or variants of one."""
    variants = {"day": ["sky-blue"], "dusk": ["sky-twilight"]}
    routes = [{"name": "skies", "match": {"room": "back"}, "variants": variants}, {"name": "others"}]
    studio = make_studio(**EVERYTHING, routes=routes)
    photos = bracket()
    for folder in ("front__sky-blue", "front__sky-twilight"):
        await studio.drop_and_run(ELM, folder, photos)
    await studio.drop_and_run(ELM, "back", bracket())
    badges = re.findall('<p class="badge">(.*?)</p>', (gallery(studio) / "index.html").read_text())
    one_room = [
        "Unaltered",
        *(f"Altered digitally: sky replaced ({sky})" for sky in ("sky-blue", "sky-twilight")),
    ]
    assert badges == one_room * 2


async def test_an_earlier_version_stands_apart(studio: Studio) -> None:
    """A room that was made anew shows its latest pictures; the earlier ones are marked as earlier."""
    for _ in range(2):
        await studio.drop_and_run(ELM, "front__sky-blue", bracket())
    page = (gallery(studio) / "index.html").read_text()
    newest, earlier = page.split("Earlier versions")
    assert (newest.count("<figure id"), earlier.count("<figure id")) == (2, 2)
    by_file = {Path(one["delivered"]).name: one["full"] for one in manifest(studio)["pictures"]}
    assert by_file["front__sky-blue (2).png"] in newest
    assert by_file["front__sky-blue.png"] in earlier


async def test_the_label_is_on_a_rendition_of_its_own_and_never_in_the_picture(
    make_studio: MakeStudio,
) -> None:
    """The same photos give the same picture with and without a label; the merge is never labelled."""
    photos = bracket()
    pictures = []
    for deliver in ({}, {"label": "Virtuell möbliert", "renditions": ["mls-2048", "web-1280"]}):
        studio = make_studio(deliver=deliver)
        await studio.drop_and_run(ELM, "front__sky-blue", photos)
        pictures.append((studio.done / ELM / "front__sky-blue.png").read_bytes())
    assert pictures[0] == pictures[1]
    told = {one["file"]: (one["rendition"], one["altered"]) for one in receipts(studio)}
    assert told == {
        f"{ELM}/front.jpg": ("", []),
        f"{ELM}/front__sky-blue.png": ("", ["sky"]),
        f"{ELM}/labelled/front__sky-blue.jpg": ("labelled", ["sky"]),
        **{
            f"{ELM}/{name}/{stem}.jpg": (name, ["sky"] if "sky" in stem else [])
            for name in ("mls-2048", "web-1280")
            for stem in ("front", "front__sky-blue")
        },
    }


BREAKS: dict[str, Callable[[Studio], object]] = {
    "it has no labelled rendition": lambda studio: (
        studio.done / ELM / "labelled" / "front__sky-blue.jpg"
    ).unlink(),
    "its unaltered picture 12 Elm Road/front.jpg can't be shown": lambda studio: (
        studio.done / ELM / "front.jpg"
    ).write_bytes(b"another picture"),
    "there is no gallery that shows it": lambda studio: (gallery(studio) / "index.html").unlink(),
    "nobody can be given a link to it": lambda studio: studio.edit(gallery={"base_url": None}),
}


async def test_an_altered_picture_without_label_pair_or_link_is_told(
    studio: Studio, make_studio: MakeStudio
) -> None:
    studio.drop(ELM, "front__sky-blue", bracket())
    await studio.drop_and_run(ELM, "kitchen", bracket())
    well = studio.say("verify", "--disclosure", ELM)
    assert well.exit_code == 0, well.output
    for says, breaks in BREAKS.items():
        broken = make_studio()
        shutil.copytree(studio.root, broken.root, dirs_exist_ok=True)
        breaks(broken)
        found = broken.say("verify", "--disclosure", ELM)
        assert found.exit_code == 1
        assert f"{ELM}/front__sky-blue.png: {says}" in found.output


async def test_what_the_store_has_forgotten_is_shown_by_its_receipt(studio: Studio) -> None:
    """This is the case after `keep.records_days`. A receipt that names any other file shows nothing."""
    await studio.drop_and_run(ELM, "front__sky-blue", bracket())
    for path in studio.state.glob("jobs.sqlite*"):
        path.unlink()
    secret = studio.root / "secret.jpg"
    secret.write_bytes(next(iter(bracket(1).values())))
    told = studio.receipt("front__sky-blue")
    lie = {**told["pictures"][0], "file": f"{ELM}/../../secret.jpg", "sha256": digest(secret)}
    lies = {**told, "job_id": "another1", "pictures": [lie, {**lie, "file": str(secret), "altered": ["sky"]}]}
    (studio.done / ELM / "receipts" / "lies.json").write_text(json.dumps(lies))
    await studio.drop_and_run(ELM, "kitchen", bracket())
    made = studio.say("gallery", ELM)
    assert "3 pictures, as before." in made.output and "secret" not in made.output
    shown = {Path(one["delivered"]).name for one in manifest(studio)["pictures"]}
    assert shown == {"front.jpg", "front__sky-blue.png", "kitchen.jpg"}
    assert studio.say("verify", "--disclosure", ELM).exit_code == 0


async def test_a_single_photo_stands_beside_itself_as_it_was_taken(studio: Studio) -> None:
    """Where nothing was merged, the original is the unaltered picture."""
    photo = bracket(1)
    await studio.drop_and_run(ELM, "front__sky-blue", photo)
    [altered] = [one for one in manifest(studio)["pictures"] if one["altered"]]
    [taken] = [one for one in manifest(studio)["pictures"] if not one["altered"]]
    assert altered["unaltered"] == taken["sha256"]
    assert (gallery(studio) / taken["full"]).read_bytes() == next(iter(photo.values()))
    assert studio.say("verify", "--disclosure", ELM).exit_code == 0


async def test_nothing_of_a_project_is_an_error_that_says_so(studio: Studio) -> None:
    await studio.drop_and_run(ELM, "front", bracket())
    for words in (("gallery", "13 Elm Road"), ("verify", "--disclosure", "13 Elm Road")):
        answer = studio.say(*words)
        assert answer.exit_code == 2
        assert "No picture of a project 13 Elm Road has been delivered." in answer.output


async def test_a_project_that_was_taken_away_is_an_error_that_says_so(studio: Studio) -> None:
    await studio.drop_and_run(ELM, "front", bracket())
    (studio.done / ELM).rename(studio.root / "taken away")
    answer = studio.say("gallery", ELM, columns=500)
    assert answer.exit_code == 2 and f"{studio.done / ELM} is not there any more." in answer.output


async def test_all_galleries_are_looked_at_once_more_where_one_of_them_could_not_be_made(
    studio: Studio,
) -> None:
    """After a takeover no job may end that would trigger another look."""
    for project in (ELM, "9 Oak Lane"):
        await studio.drop_and_run(project, "kitchen", bracket())
    shutil.rmtree(gallery(studio))
    gallery(studio).write_bytes(b"not ours")
    async with studio.working() as daemon:
        daemon.galleries.check_all()
        await until(lambda: not daemon.galleries.busy)
        assert gallery(studio).is_file()
        gallery(studio).unlink()
        await until(lambda: gallery(studio).is_dir())
