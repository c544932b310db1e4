"""Writes measured figures into docs/performance.md, docs/grouping.md and the README."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE, README = ROOT / "docs" / "performance.md", ROOT / "README.md"
GROUPING = ROOT / "docs" / "grouping.md"


def put(page: Path, mark: str, text: str) -> None:
    """Put `text` between the page's two markers of that name. Raises ValueError where they are missing."""
    begin, end = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{page} has no markers named {mark}")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
