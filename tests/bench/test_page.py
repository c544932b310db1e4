"""Measured figures are written between the pages' markers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.page import GROUPING, PAGE, README, put


def test_what_stands_between_the_markers_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- x: begin -->\nold\n<!-- x: end -->\nafter\n", encoding="utf-8")
    put(page, "x", "new")
    put(page, "x", "newer")
    assert page.read_text() == "before\n<!-- x: begin -->\nnewer\n<!-- x: end -->\nafter\n"
    with pytest.raises(ValueError, match="no markers named y"):
        put(page, "y", "new")


@pytest.mark.parametrize(
    ("page", "mark"), [(PAGE, "race"), (PAGE, "idle"), (README, "race"), (GROUPING, "grouping")]
)
def test_the_pages_have_the_markers(page: Path, mark: str) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.count(f"<!-- {mark}: begin -->") == text.count(f"<!-- {mark}: end -->") == 1
