"""Measured figures are put where the pages have room for them."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench.page import GROUPING, PAGE, README, put
from tests.bench.plot import Panel, rounded_up, svg


def test_what_stands_between_the_markers_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- x: begin -->\nold\n<!-- x: end -->\nafter\n", encoding="utf-8")
    put(page, "x", "new")
    put(page, "x", "newer")
    assert page.read_text() == "before\n<!-- x: begin -->\nnewer\n<!-- x: end -->\nafter\n"
    with pytest.raises(ValueError, match="no markers named y"):
        put(page, "y", "new")


@pytest.mark.parametrize(
    ("page", "mark"), [(PAGE, "race"), (PAGE, "scaling"), (README, "race"), (GROUPING, "grouping")]
)
def test_the_pages_have_the_markers(page: Path, mark: str) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.count(f"<!-- {mark}: begin -->") == text.count(f"<!-- {mark}: end -->") == 1


def test_a_plot_is_well_formed_and_has_a_point_for_every_value() -> None:
    drawn = ElementTree.fromstring(
        svg([10, 100, 1000], "sets <n>", [Panel("s & s", [1, 2, 0]), Panel("b", [0] * 3)])
    )
    assert len(drawn.findall(".//{http://www.w3.org/2000/svg}circle")) == 6


@pytest.mark.parametrize(("value", "top"), [(0.0, 1), (0.3, 0.5), (1.0, 1), (99, 100), (114, 200)])
def test_a_scale_ends_at_a_round_number(value: float, top: float) -> None:
    assert rounded_up(value) == pytest.approx(top)
