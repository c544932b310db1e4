"""Merges of rendered brackets."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from hotfolder.sandbox.imaging import engine
from hotfolder.sandbox.imaging.fusion import fuse
from hotfolder.sandbox.imaging.lens import find_optics
from hotfolder.sandbox.imaging.tone import tone_map
from tests.bench.measures import mef_ssim
from tests.sandbox.imaging.scenes import Picture, exposed, facade, garden, merged

pytestmark = pytest.mark.long


def written(picture: Picture, path: Path, exif: Image.Exif | None = None) -> Path:
    Image.fromarray(picture).save(path, quality=97, subsampling=0, exif=exif or b"")
    return path


def bracket(folder: Path, frames: list[Picture]) -> list[Path]:
    return [written(frame, folder / f"{index}.jpg") for index, frame in enumerate(frames)]


def weathered(width: int, height: int, seed: int) -> Picture:
    """A surface with structure of every size."""
    random = np.random.default_rng(seed)
    layers = [
        cv2.resize(random.normal(0, 22, (height // size + 1, width // size + 1, 3)), (width, height))
        for size in (3, 6, 12, 25, 50)
    ]
    return np.asarray(np.clip(np.sum(layers, axis=0) + 128, 0, 255), np.uint8)


@pytest.mark.parametrize("corrections", [False, True])
def test_one_upright_photo_comes_back_as_it_was(tmp_path: Path, corrections: bool) -> None:
    picture = facade()
    result = merged(bracket(tmp_path, [picture]), tmp_path / "out.jpg", corrections=corrections)
    assert result.shape == picture.shape
    assert np.abs(result.astype(int) - picture).mean() < 3


def test_a_merge_shows_more_than_any_frame(tmp_path: Path) -> None:
    scene = facade()
    scene = np.clip(scene * np.linspace(0.25, 1.1, scene.shape[1])[None, :, None], 0, 255).astype(np.uint8)
    frames = [exposed(scene, stops) for stops in (-3, 0, 3)]
    result = merged(bracket(tmp_path, frames), tmp_path / "out.jpg")
    assert mef_ssim(frames, result) > max(mef_ssim(frames, frame) for frame in frames)


def test_a_shaken_bracket_is_as_sharp_as_a_still_one(tmp_path: Path) -> None:
    big = np.asarray(Image.fromarray(facade(1000, 700)).resize((1200, 840)))
    still = [exposed(big[60:660, 60:960], stops) for stops in (-2, 0, 2)]
    shaken = [
        exposed(big[60 + dy : 660 + dy, 60 + dx : 960 + dx], stops)
        for stops, dx, dy in ((-2, 9, -6), (0, 0, 0), (2, -7, 11))
    ]
    result = merged(bracket(tmp_path, shaken), tmp_path / "out.jpg")
    margin = [int(edge) for edge in (np.array(still[1].shape[:2]) - result.shape[:2])]
    assert min(margin) >= 0 and max(margin) <= 24
    found = cv2.matchTemplate(still[1], result[40:-40, 40:-40], cv2.TM_CCOEFF_NORMED)
    _, _, _, (left, top) = cv2.minMaxLoc(found)
    height, width = result[40:-40, 40:-40].shape[:2]
    views = [frame[top : top + height, left : left + width] for frame in still]
    score = mef_ssim(views, result[40:-40, 40:-40])
    unaligned = np.mean(shaken, axis=0).astype(np.uint8)
    assert score > 0.9
    assert score > mef_ssim(still, unaligned) + 0.1
    rims = (result[0], result[-1], result[:, 0], result[:, -1])
    assert min(rim.max(axis=-1).mean() for rim in rims) > 60


def test_what_stands_nearer_is_merged_from_all_frames_where_the_camera_moved_sideways(tmp_path: Path) -> None:
    """Parallax: it shifts against the wall behind, and no homography aligns both."""
    wall, near = weathered(1000, 700, seed=5), exposed(weathered(360, 300, seed=6), -2)

    def seen_from(right: int, down: int) -> Picture:
        view = wall[40 + down : 640 + down, 40 + right : 940 + right].copy()
        view[300:, 270:630] = near
        return view

    places = {-3: (-9, 4), 0: (0, 0), 2: (12, -5)}
    moved = [exposed(seen_from(*place), stops) for stops, place in places.items()]
    result = merged(bracket(tmp_path, moved), tmp_path / "out.jpg")
    inside = np.s_[340:580, 310:590]
    still = [exposed(seen_from(0, 0), stops)[inside] for stops in places]
    assert mef_ssim(still, result[inside]) > 0.97


def test_what_stood_in_one_frame_alone_leaves_no_ghost(tmp_path: Path) -> None:
    scene = facade()
    frames = [exposed(scene, stops) for stops in (-1.5, 0, 1.5)]
    passer_by = np.random.default_rng(3).integers(60, 200, (30, 18, 3)).astype(np.uint8)
    frames[2][240:480, 400:544] = np.kron(passer_by, np.ones((8, 8, 1), np.uint8))
    inside = (slice(270, 450), slice(430, 514))

    def likeness(picture: Picture) -> float:
        return float(np.corrcoef(picture[inside].ravel(), frames[2][inside].ravel())[0, 1])

    assert likeness(tone_map(fuse(frames))) > 0.6
    assert abs(likeness(merged(bracket(tmp_path, frames), tmp_path / "out.jpg"))) < 0.2


def test_who_walks_through_is_shown_whole_or_not_at_all(tmp_path: Path) -> None:
    """A walker is elsewhere in each frame: each place is taken from one frame, and none is torn."""
    scene = facade()
    frames = [exposed(scene, stops) for stops in (-1.5, 0, 1.5)]
    shirt = np.random.default_rng(8).integers(20, 70, (4, 1, 3)).astype(np.uint8)
    walker = np.kron(shirt, np.ones((48, 72, 1), np.uint8))
    places = (120, 420, 700)
    for frame, stops, left in zip(frames, (-1.5, 0, 1.5), places, strict=True):
        frame[300:492, left : left + 72] = exposed(walker, stops)
    result = merged(bracket(tmp_path, frames), tmp_path / "out.jpg")
    for left in places:
        seen = result[306:486, left + 6 : left + 66]
        likeness = [
            float(np.corrcoef(seen.ravel(), frame[306:486, left + 6 : left + 66].ravel())[0, 1])
            for frame in frames
        ]
        assert max(likeness) > 0.95, (left, likeness)


@pytest.mark.parametrize("long_edge", [3000, 300])
def test_frames_of_different_sizes_are_refused_by_name_however_small_the_merge(
    tmp_path: Path, long_edge: int
) -> None:
    photos = bracket(tmp_path, [facade(), facade(600, 400)])
    with pytest.raises(engine.Unsuitable, match=r"one size.*0\.jpg 900×600.*1\.jpg 600×400"):
        merged(photos, tmp_path / "out.jpg", long_edge=long_edge)


@pytest.mark.parametrize("size", [(8, 8), (1, 40), (900, 20), (700, 32)])
def test_what_is_too_small_or_narrow_for_a_photo_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    """Some such sizes ended the process in OpenCV."""
    small = np.asarray(cv2.resize(facade(), size, interpolation=cv2.INTER_AREA), np.uint8)
    (photo, other) = bracket(tmp_path, [small, small])
    size_told = f"{size[0]}×{size[1]} pixels"
    with pytest.raises(engine.Unsuitable, match=size_told):
        merged([photo, other], tmp_path / "out.jpg")
    with pytest.raises(engine.Unsuitable, match=size_told):
        engine.replace_lawn(
            photo, tmp_path / "out.jpg", lawn_type="light", resolution="high", extra_instructions=None
        )


@pytest.mark.parametrize("count", [0, 8])
def test_none_or_eight_photos_are_refused(tmp_path: Path, count: int) -> None:
    with pytest.raises(engine.Unsuitable, match="1 to 7"):
        merged(bracket(tmp_path, [facade(120, 80)] * count), tmp_path / "out.jpg")


def test_a_broken_file_is_refused_by_name(tmp_path: Path) -> None:
    whole = io.BytesIO()
    Image.fromarray(facade()).save(whole, "JPEG")
    for content in (whole.getvalue()[:4000], b"no picture", b""):
        (tmp_path / "broken.jpg").write_bytes(content)
        with pytest.raises(engine.Unsuitable, match=r"broken\.jpg"):
            merged([tmp_path / "broken.jpg"], tmp_path / "out.jpg")


def test_orientation_is_honoured_and_the_long_edge_kept(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = written(facade(), tmp_path / "turned.jpg", exif=exif)
    result = merged([photo], tmp_path / "out.jpg", long_edge=450)
    assert result.shape == (450, 300, 3)
    assert Image.open(tmp_path / "out.jpg").getexif().get(0x0112, 1) == 1


def test_the_result_is_a_jpeg_without_chroma_subsampling(tmp_path: Path) -> None:
    merged(bracket(tmp_path, [facade()]), tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.format == "JPEG"
        assert {layer[1:3] for layer in image.layer} == {(1, 1)}  # type: ignore[attr-defined]


def test_a_known_lens_is_corrected_and_an_unknown_one_left_alone(tmp_path: Path) -> None:
    picture = garden()[0]
    known = {0x010F: "Canon", 0x0110: "Canon EOS 6D", 0x920A: 16.0, 0x829D: 8.0}
    results = []
    for name in ("EF16-35mm f/4L IS USM", "Grandfather's 16mm f/1.1"):
        exif = Image.Exif()
        exif[0x010F], exif[0x0110] = known[0x010F], known[0x0110]
        exif.get_ifd(0x8769).update({0x920A: 16.0, 0x829D: 8.0, 0xA434: name})
        photo = written(picture, tmp_path / "shot.jpg", exif=exif)
        results.append(merged([photo], tmp_path / "out.jpg", corrections=True).astype(int))
    assert find_optics(known | {0xA434: "EF16-35mm f/4L IS USM"}) is not None
    assert find_optics({}) is None
    assert np.abs(results[0] - picture).mean() > 3
    assert np.abs(results[1] - picture).mean() < 2.5


@pytest.mark.parametrize(
    ("loading", "said"),
    [
        ("raise ImportError('libglib-2.0.so.0: cannot open')", "apt-get install libglib2.0-0"),
        ("raise ModuleNotFoundError('No module named lensfunpy')", "pip has it for Python 3.14 and older"),
    ],
)
def test_where_the_lens_library_cant_be_loaded_pictures_stay_as_they_are_and_that_is_said(
    tmp_path: Path, loading: str, said: str
) -> None:
    """On a bare Debian the library lacks GLib, and for the newest Python there is none."""
    (tmp_path / "lensfunpy.py").write_text(loading)
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import numpy as np\n"
        "from hotfolder.sandbox.imaging.lens import correct_lens\n"
        "picture = np.zeros((8, 8, 3), np.uint8)\n"
        "exif = {0x010F: 'Canon', 0x0110: 'Canon EOS 6D', 0x920A: 16.0, 0xA434: 'EF16-35mm f/4L IS USM'}\n"
        "assert correct_lens(picture, exif) is picture\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert said in done.stderr


def test_equal_brackets_give_equal_bytes(tmp_path: Path) -> None:
    photos = bracket(tmp_path, [exposed(garden()[0], stops) for stops in (-2, 0, 2)])
    merged(photos, tmp_path / "a.jpg", corrections=True)
    merged(list(reversed(photos)), tmp_path / "b.jpg", corrections=True)
    assert (tmp_path / "a.jpg").read_bytes() == (tmp_path / "b.jpg").read_bytes()
