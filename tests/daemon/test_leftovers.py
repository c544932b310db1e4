"""Whatever stays in the inbox is named: sidecars that come late, and files that no photo goes with."""

from __future__ import annotations

from pathlib import Path

from hotfolder.jobs.context import CrashPoint
from tests.support.crashing import at
from tests.support.pictures import bracket, jpeg
from tests.support.studio import Shop, Studio, files_below

ELM = "12 Elm Road"


async def test_files_without_a_photo_are_named_and_stay(studio: Studio, shop: Shop) -> None:
    studio.drop(ELM, "plans", {"floor plan.pdf": b"%PDF"})
    studio.drop(ELM, "den", {"IMG_1": jpeg()})
    studio.drop(ELM, "kitchen", bracket())
    (studio.inbox / ELM / "walkthrough.mov").write_bytes(b"moov")
    async with studio.working(shop.access()):
        await studio.comes_to("done")
        await studio.comes_to_say(lambda status: "'plans'" in str(status["notices"]))
        await studio.comes_to_say(
            lambda status: (
                "'den', where no photo is: IMG_1. A photo is known by the end" in str(status["notices"])
            )
        )
    assert "since no photo there has the same name: walkthrough.mov. " in page(studio)
    assert "in the room 'plans', where no photo is: floor plan.pdf. " in page(studio)
    assert files_below(studio.inbox / ELM).keys() == {"den/IMG_1", "plans/floor plan.pdf", "walkthrough.mov"}


async def test_a_sidecar_that_is_rewritten_or_comes_while_its_set_is_made_is_named_at_its_end(
    studio: Studio, shop: Shop
) -> None:
    folder = studio.drop(ELM, "kitchen", {**bracket(), "DSC0001.xmp": b"<x/>"})

    def edit() -> None:
        (folder / "DSC0001.xmp").write_bytes(b"<x>edited in Lightroom</x>")
        (folder / "DSC0002.xmp").write_bytes(b"<x>new</x>")

    async with studio.working(shop.access(), crash_point=at(CrashPoint.INTENT_RECORDED, edit)):
        await studio.comes_to("done")
        await studio.comes_to_say(lambda status: "DSC0001.xmp, DSC0002.xmp" in str(status["notices"]))
    assert files_below(folder).keys() == {"DSC0001.xmp", "DSC0002.xmp"}


def page(studio: Studio) -> str:
    path: Path = studio.inbox / "STATUS.txt"
    return " ".join(path.read_text().split())
