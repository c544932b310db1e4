"""Two files of one photo in a room are one photo: the better one is taken, the other one travels with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hotfolder.inbox.scan import scan

KEY = ("12 Elm Road", "kitchen")
Drop = Callable[..., Path]


@pytest.mark.parametrize(
    ("names", "photos"),
    [
        (["a.jpg", "a.ARW", "b.jpg", "b.ARW"], ["a.jpg", "b.jpg"]),
        (["a.tif", "a.jpg", "a.NEF"], ["a.tif"]),
        (["a.ARW", "b.ARW"], ["a.ARW", "b.ARW"]),
        (["a.jpg", "a.png"], ["a.jpg", "a.png"]),
        (["A.TIF", "a.jpeg", "b.tiff"], ["A.TIF", "b.tiff"]),
    ],
)
def test_the_better_of_two_files_of_one_photo_is_taken(
    root: Path, drop: Drop, names: list[str], photos: list[str]
) -> None:
    folder = drop("12 Elm Road/kitchen", 0)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("x")
    seen = scan(root).folders[KEY]
    assert [file.name for file in seen.photos] == photos
    assert {file.name for file in seen.companions} == set(names) - set(photos)
