"""Delivered files by the rules: names, folders, renditions and sidecars."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from hotfolder.crashpoints import CrashPoint
from tests.support.crashing import at
from tests.support.pictures import bracket, jpeg
from tests.support.studio import ELM, MakeStudio, Studio, files_below, files_into

pytestmark = pytest.mark.long


def pictures(studio: Studio, project: str = ELM) -> set[str]:
    """The delivered pictures of a project, by their path in its folder."""
    below = (path for path in (studio.done / project).rglob("*.*") if path.suffix in (".jpg", ".png"))
    names = {str(path.relative_to(studio.done / project)) for path in below}
    return {name for name in names if not name.startswith("originals/")}


async def test_names_and_folders_are_as_the_rules_say(make_studio: MakeStudio) -> None:
    """Rooms are numbered in the order of their start, keep their number, and nothing is ever replaced."""
    studio = make_studio(deliver={"name": "{project} {seq} {tags}", "folders": "room"})
    for folder in ("kitchen", "originals__sky-blue"):
        await studio.drop_and_run(ELM, folder, bracket())
    expected = {
        "kitchen/12 Elm Road 01.jpg",
        "originals_/12 Elm Road 02.jpg",
        "originals_/12 Elm Road 02 sky-blue.png",
    }
    assert pictures(studio) == expected
    await studio.drop_and_run(ELM, "kitchen", bracket())
    assert pictures(studio) == {*expected, "kitchen/12 Elm Road 01 (2).jpg"}


async def test_renditions_lie_beside_the_pictures_and_the_receipt_names_them(make_studio: MakeStudio) -> None:
    """Renditions are made of PNGs too, and keep within the size limit with all their metadata."""
    web = {"long_edge": 80, "max_bytes": "20KB"}
    studio = make_studio(deliver={"renditions": {"web": web, "mls": {"quality": 100}}})
    await studio.drop_and_run(ELM, "front__sky-blue", bracket())
    both = {"front.jpg", "front__sky-blue.png"}
    jpegs = {"front.jpg", "front__sky-blue.jpg"}
    assert pictures(studio) == both | {f"{name}/{one}" for name in ("web", "mls") for one in jpegs}
    receipt = studio.receipt("front__sky-blue")
    told = {(one["file"], one["rendition"]): one["altered"] for one in receipt["pictures"]}
    assert told[f"{ELM}/web/front__sky-blue.jpg", "web"] == ["sky"] == told[f"{ELM}/front__sky-blue.png", ""]
    assert receipt["notes"] == []
    small = (studio.done / ELM / "web" / "front.jpg").read_bytes()
    assert max(Image.open(io.BytesIO(small)).size) == 80
    assert len(small) <= 20_000


async def test_a_rendition_that_can_not_be_small_enough_is_left_out_and_said(make_studio: MakeStudio) -> None:
    """The picture is delivered without it."""
    studio = make_studio(deliver={"renditions": {"tiny": {"max_bytes": 20_000}}})
    await studio.drop_and_run(ELM, "front", {f"{n}.jpg": jpeg(size=(640, 480)) for n in range(3)})
    assert pictures(studio) == {"front.jpg"}
    [job] = studio.status()["jobs"]
    told = 'The rendition "tiny" of the picture could not be made: its file may have at most 0.02 MB.'
    assert job["state"] == "done" and job["reason"] == told
    receipt = studio.receipt("front")
    assert receipt["notes"] == [job["reason"]]


SIDECAR = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4" xmp:Label="%s"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:Credit="Studio"/></rdf:RDF></x:xmpmeta>"""


async def test_a_sidecar_speaks_for_its_photo_as_far_as_the_route_lets_it(make_studio: MakeStudio) -> None:
    """Only the middle exposure's sidecar is used, and only what the metadata level allows."""
    studio = make_studio(deliver={"metadata": "copyright"})
    studio.edit(routes=[{"name": "all", "match": {"room": "hall"}, "deliver": {"metadata": "all"}}])
    for room in ("hall", "kitchen"):
        photos = bracket()
        beside = {name.replace(".jpg", ".xmp"): SIDECAR % name.encode() for name in photos}
        studio.drop(ELM, room, {**photos, **beside})
    await studio.until_idle()
    told = {room: (studio.done / ELM / f"{room}.jpg").read_bytes() for room in ("hall", "kitchen")}
    assert all(b'Credit="Studio"' in content for content in told.values())
    assert b'Rating="4"' in told["hall"] and b"Rating" not in told["kitchen"]
    labels = [name for name in bracket() if b'Label="%s"' % name.encode() in told["hall"]]
    assert len(labels) == 1


async def test_a_room_exchanged_for_a_link_lends_no_strange_metadata_and_loses_nothing(
    studio: Studio,
) -> None:
    """The link's target holds a backup of the photos: no sidecar of it is read, and no file of it is
    moved."""
    room, backup = studio.drop(ELM, "kitchen", bracket()), studio.root / "backup"
    kept = {**bracket(), **{name.replace(".jpg", ".xmp"): SIDECAR % b"private" for name in bracket()}}

    def exchange() -> None:
        room.rename(studio.root / "elsewhere")
        room.symlink_to(files_into(backup, kept))

    files = {**bracket(), **{name: SIDECAR % b"own" for name in kept if name.endswith(".xmp")}}
    files_into(room, files)
    async with studio.working(crash_point=at(CrashPoint.ANSWER_RECORDED, exchange)):
        await studio.comes_to("done")
    assert b"private" not in (studio.done / ELM / "kitchen.jpg").read_bytes()
    assert files_below(backup) == kept


async def test_metadata_that_are_too_much_are_left_out_and_the_receipt_says_so(studio: Studio) -> None:
    described = "<r:Description/>" * 2000
    declared = " ".join(f'xmlns:a{number}="u"' for number in range(2000))
    rdf = f'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" {declared}>{described}</r:RDF>'
    payload = b"http://ns.adobe.com/xap/1.0/\0" + rdf.encode()
    segment = b"\xff\xe1" + (len(payload) + 2).to_bytes(2, "big") + payload
    photos = {name: photo[:2] + segment + photo[2:] for name, photo in bracket().items()}
    await studio.drop_and_run(ELM, "kitchen", photos)
    receipt = studio.receipt("kitchen")
    assert ["too many namespaces" in note for note in receipt["notes"]] == [True]
