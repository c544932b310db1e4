"""A sandbox restarted on the same folder continues."""

from __future__ import annotations

import pytest

from hotfolder.sandbox.settings import SandboxError, SandboxSettings
from hotfolder.sandbox.state import open_sandbox
from tests.sandbox.conftest import SKY, Start
from tests.support.sandboxledger import charges


def test_ids_and_photos_outlive_a_restart(start: Start) -> None:
    """A group can be filled before the restart, and merged after it."""
    with start() as caller:
        project, group = caller.begun()
        caller.upload(project, group, caller.jpeg())
        image = caller.image()
    with start() as caller:
        caller.enhance(project, group).raise_for_status()
        assert caller.wait(group)["status"] == "completed"
        assert caller.post(f"/api/images/{image}/sky-replace", SKY).status_code == 200


def test_an_interrupted_merge_is_run_again(start: Start, settings: SandboxSettings) -> None:
    """It was paid once, and is there in the end."""
    with start(merge_delay_seconds=60) as caller:
        group = caller.merge()
        assert caller.status(group)["status"] == "processing"
    with start() as caller:
        assert caller.wait(group)["status"] == "completed"
    assert len(charges(settings.data, "/api/hdr-enhance")) == 1


def test_old_urls_stay_good_where_the_address_does(start: Start, settings: SandboxSettings) -> None:
    """The signing secret is kept: a URL handed out before opens the same picture after."""
    with start() as caller:
        url = caller.image_url()
        before = caller.storage.get(url).content
        port = int(url.split(":")[2].split("/")[0])
    with start(storage_port=port) as caller:
        assert caller.storage.get(url).content == before


def test_two_sandboxes_never_share_a_folder(start: Start, settings: SandboxSettings) -> None:
    """The second says which folder and what to do."""
    with (
        start(),
        pytest.raises(SandboxError, match=r"already running on .*another data folder"),
        open_sandbox(settings, "http://127.0.0.2:1"),
    ):
        pass
