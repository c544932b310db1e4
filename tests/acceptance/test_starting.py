"""A start that can't be, told in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.studio import Studio


@pytest.mark.parametrize(("name", "options"), [("state", ()), ("inbox", ("--sandbox",))])
def test_a_file_where_a_folder_has_to_be_is_said_and_nothing_is_traced(
    studio: Studio, name: str, options: tuple[str, ...]
) -> None:
    (studio.root / name).write_text("in the way")
    run = studio.start(*options, key="any-key")
    assert run.wait() == 3
    assert f"{studio.root / name}: a file stands where a folder is needed" in run.text()
    assert "Traceback" not in run.text()


def test_a_place_where_no_folder_can_be_made_is_said(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "s", state="/proc/hotfolder")
    run = studio.start(key="any-key")
    assert run.wait() == 3
    assert "/proc/hotfolder: the folder can't be made" in run.text() and "Traceback" not in run.text()
