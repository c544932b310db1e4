"""The look-up of folders by what a person types."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from hotfolder.config.load import load
from hotfolder.control.lookup import places_in
from hotfolder.inbox.scan import listed


def test_a_project_that_may_not_be_listed_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in ("12 Elm Road/kitchen", "closed/hall"):
        (tmp_path / "inbox" / room).mkdir(parents=True)
        (tmp_path / "inbox" / room / "IMG_1.jpg").touch()
    config = tmp_path / "hotfolder.yaml"
    config.write_text("root: .\n")

    def refused(root: Path, *names: str) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        if root.name == "closed":
            raise PermissionError(13, "Permission denied", str(root))
        return listed(root, *names)

    monkeypatch.setattr("hotfolder.control.lookup.listed", refused)
    found = places_in(load(config, {}), tmp_path / "inbox")
    assert [place.name for place in found] == ["12 Elm Road/kitchen"]
