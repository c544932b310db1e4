"""The sandbox's ledger, which other tests trust."""

from __future__ import annotations

from hotfolder.sandbox.requestledger import FILE_NAME
from tests.sandbox.conftest import SKY, Start
from tests.support.sandboxledger import charges, read_ledger


def test_each_request_leaves_one_line(start: Start) -> None:
    """Route, status and ids of several requests, on both origins, in order."""
    with start() as caller:
        project, group = caller.begun()
        caller.upload(project, group, caller.jpeg())
        caller.enhance(project, group).raise_for_status()
        caller.storage.get(caller.wait(group)["imageUrl"])
        caller.api.get("/api/hdr-image-group/nope")
        caller.api.get("/api/nothing/at/all")
        data = caller.settings.data
    lines = [entry for entry in read_ledger(data) if entry.event == "answered"]
    told = [(entry.origin, entry.method, entry.route, entry.status, entry.paid) for entry in lines]
    status = ("api", "GET", "/api/hdr-image-group/{groupId}", 200, False)
    assert [line for line in told if line != status] == [
        ("api", "POST", "/api/projects", 200, False),
        ("api", "POST", "/api/hdr-image-group", 200, False),
        ("api", "POST", "/api/hdr-upload-url", 200, False),
        ("storage", "PUT", "/stager-uploads/{name}", 200, False),
        ("api", "POST", "/api/hdr-enhance", 200, True),
        ("storage", "GET", "/stager-final-results/{name}", 200, False),
        ("api", "GET", "/api/hdr-image-group/{groupId}", 404, False),
        ("api", "GET", "(none)", 404, False),
    ]
    assert lines[2].ids.keys() == {"project", "group", "photo"}
    assert lines[3].ids == {"photo": lines[2].ids["photo"]}
    assert lines[4].ids == {"project": project, "group": group}


def test_only_accepted_work_is_charged(start: Start) -> None:
    """Refused calls cost nothing, and unsuitable pictures are refunded."""
    with start() as caller:
        project, group = caller.begun()
        caller.enhance(project, group)
        caller.upload(project, group, caller.jpeg())
        caller.enhance(project, group)
        caller.enhance(project, group)
        image = caller.image()
        caller.post(f"/api/images/{image}/sky-replace", SKY | {"skyType": "green"})
        caller.post(f"/api/images/{image}/sky-replace", SKY)
        caller.post(f"/api/images/{image}/lawn-replace", {"lawnType": "light", "resolution": "low"})
        caller.post(f"/api/images/{caller.image(caller.jpeg((255, 0, 0)))}/sky-replace", SKY)
        data = caller.settings.data
    assert [entry.ids for entry in charges(data, "/api/hdr-enhance")] == [
        {"project": project, "group": group}
    ]
    assert [entry.route for entry in charges(data)] == [
        "/api/hdr-enhance",
        "/api/images/{imageId}/sky-replace",
        "/api/images/{imageId}/lawn-replace",
    ]


def test_no_key_and_no_signature_is_written_down(start: Start) -> None:
    """Nothing else that a caller made up is in it either."""
    with start() as caller:
        caller.api.headers["stager-api-key"] = "the-secret-key"
        project = caller.project("a title that is private")
        url = caller.upload_url(project, caller.group(project)).json()["uploadUrl"]
        caller.storage.put(url, content=caller.jpeg())
        caller.api.get("/api/hdr-image-group/made-up")
        text = (caller.settings.data / FILE_NAME).read_text()
    for secret in ("the-secret-key", "private", "made-up", "Signature", url.rpartition("=")[2]):
        assert secret not in text


def test_what_is_refused_at_the_door_is_written_down_too(start: Start) -> None:
    """A paid call without a key has its route and costs nothing."""
    with start() as caller:
        caller.api.headers["stager-api-key"] = ""
        caller.post("/api/images/img_1/stage", {})
        data = caller.settings.data
    (line,) = read_ledger(data)
    assert (line.route, line.status, line.paid) == ("/api/images/{imageId}/stage", 401, True)
    assert charges(data) == []


def test_a_torn_last_line_is_left_out(start: Start) -> None:
    """A reader may come while a line is being written."""
    with start() as caller:
        caller.project()
        data = caller.settings.data
    with (data / FILE_NAME).open("a") as file:
        file.write('{"event": "answ')
    assert [entry.route for entry in read_ledger(data)] == ["/api/projects"]
