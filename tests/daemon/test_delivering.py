"""What is delivered, as the rules have it: names, folders, and what lies beside the pictures."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.pictures import bracket
from tests.support.studio import Shop, Studio

ELM = "12 Elm Road"


def pictures(studio: Studio, project: str = ELM) -> set[str]:
    """The delivered pictures of a project, by their path in its folder."""
    below = (path for path in (studio.done / project).rglob("*.*") if path.suffix in (".jpg", ".png"))
    names = {str(path.relative_to(studio.done / project)) for path in below}
    return {name for name in names if not name.startswith("originals/")}


async def test_names_and_folders_are_as_the_rules_say(make_studio: Callable[..., Studio], shop: Shop) -> None:
    """Rooms are numbered as they were begun, keep their number, and nothing is ever replaced."""
    studio = make_studio(deliver={"name": "{project} {seq} {tags}", "folders": "room"})
    for folder in ("kitchen", "originals__sky-blue"):
        studio.drop(ELM, folder, bracket())
        await studio.until_idle(shop.access())
    expected = {
        "kitchen/12 Elm Road 01.jpg",
        "originals_/12 Elm Road 02.jpg",
        "originals_/12 Elm Road 02 sky-blue.png",
    }
    assert pictures(studio) == expected
    studio.drop(ELM, "kitchen", bracket())
    await studio.until_idle(shop.access())
    assert pictures(studio) == {*expected, "kitchen/12 Elm Road 01 (2).jpg"}
