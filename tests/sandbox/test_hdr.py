"""Projects, groups, upload URLs and merges, over real HTTP."""

from __future__ import annotations

import io
from time import monotonic, sleep
from typing import Any

from PIL import Image

from tests.sandbox.conftest import Caller, Start


def merged(caller: Caller, *photos: bytes) -> tuple[str, dict[str, Any]]:
    group = caller.merge(*photos)
    return group, caller.wait(group)


def test_a_project_answers_its_title_and_an_id(caller: Caller) -> None:
    """The answer has exactly the reference's two fields."""
    answer = caller.post("/api/projects", {"title": "Łódź, 12 Elm Road 🏠"})
    assert answer.status_code == 200
    assert answer.json() == {"id": answer.json()["id"], "title": "Łódź, 12 Elm Road 🏠"}


def test_the_merge_runs_behind_the_answer(start: Start) -> None:
    """hdr-enhance answers at once; until the merge is ready, the group says processing and nothing else."""
    with start(merge_delay_seconds=60) as caller:
        project, group = caller.begun()
        assert caller.status(group) == {"status": "created"}
        caller.upload(project, group, caller.jpeg())
        caller.enhance(project, group).raise_for_status()
        assert caller.status(group) == {"status": "processing"}
    with start(merge_delay_seconds=1) as caller:
        begin = monotonic()
        assert caller.wait(caller.merge())["status"] == "completed"
        assert monotonic() - begin >= 1


def test_a_merge_needs_every_photo(caller: Caller) -> None:
    """The answer is 409 before any upload, and while a registered photo is missing; the missing one is
    named."""
    project, group = caller.begun()
    assert caller.enhance(project, group).status_code == 409
    caller.upload(project, group, caller.jpeg())
    caller.upload_url(project, group, "bright.jpg").raise_for_status()
    refused = caller.enhance(project, group)
    assert refused.status_code == 409
    assert "bright.jpg" in refused.json()["error"]
    assert caller.status(group) == {"status": "created"}


def test_a_group_takes_seven_photos(caller: Caller) -> None:
    project, group = caller.begun()
    answers = [caller.upload_url(project, group, f"{number:02}.jpg") for number in range(1, 9)]
    assert [answer.status_code for answer in answers] == [200] * 7 + [400]


def test_a_name_may_be_registered_again_for_a_fresh_url(caller: Caller) -> None:
    """A photo that never came under the first URL neither blocks the merge nor enters it."""
    project, group = caller.begun()
    caller.upload_url(project, group, "01.jpg").raise_for_status()
    caller.upload(project, group, caller.jpeg())
    caller.enhance(project, group).raise_for_status()
    assert caller.wait(group)["status"] == "completed"


def test_a_merge_is_asked_for_once(caller: Caller) -> None:
    """The second hdr-enhance of a group is refused, before and after the merge's end; so is another photo."""
    project, other = caller.begun()
    caller.upload(project, other, caller.jpeg())
    caller.enhance(project, other).raise_for_status()
    assert caller.enhance(project, other).status_code == 409
    caller.wait(other)
    assert caller.enhance(project, other).status_code == 409
    assert caller.upload_url(project, other, "late.jpg").status_code == 409


def test_unknown_ids_and_a_group_of_another_project_are_not_found(caller: Caller) -> None:
    """404 names the field and the id."""
    mine, other = caller.project(), caller.project()
    group = caller.group(mine)
    caller.upload(mine, group, caller.jpeg())
    options = dict.fromkeys(("lensCorrection", "perspectiveCorrection", "photographerRemoval"), True)
    unknown = caller.post("/api/hdr-image-group", {"projectId": "nope", **options})
    answers = [
        unknown,
        caller.upload_url(mine, "nope"),
        caller.upload_url("nope", group),
        caller.enhance(mine, "nope"),
        caller.enhance(other, group),
        caller.upload_url(other, group),
        caller.api.get("/api/hdr-image-group/nope"),
        caller.api.get("/api/hdr-image-group/%00"),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert 'projectId: there is no project "nope"' in unknown.json()["error"]


def test_photos_that_are_no_pictures_fail_the_merge_with_a_reason(caller: Caller) -> None:
    """The storage takes any bytes, so the merge must reject them."""
    _, answer = merged(caller, b"these are not the bytes of a picture")
    assert answer["status"] == "failed"
    assert "01.jpg" in answer["error"]


def test_every_status_signs_a_fresh_url(caller: Caller) -> None:
    """Two answers for one picture each have a URL that works."""
    group, first = merged(caller, caller.jpeg())
    sleep(0.01)
    second = caller.status(group)
    assert first["imageUrl"] != second["imageUrl"]
    assert caller.storage.get(first["imageUrl"]).content == caller.storage.get(second["imageUrl"]).content


def test_the_long_edge_is_capped(start: Start) -> None:
    with start(long_edge=48) as caller:
        _, answer = merged(caller, caller.jpeg(size=(96, 64)))
        assert Image.open(io.BytesIO(caller.storage.get(answer["imageUrl"]).content)).size == (48, 32)
