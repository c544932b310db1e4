"""Sky and lawn: the mask is right, the rest is unchanged, and a picture without them is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hotfolder import demo
from hotfolder.sandbox.imaging import engine
from hotfolder.sandbox.imaging.lawn import find_lawn
from hotfolder.sandbox.imaging.masks import dilate
from hotfolder.sandbox.imaging.sky import find_sky
from tests.sandbox.imaging.scenes import (
    Bits,
    Picture,
    clouded,
    exposed,
    facade,
    garden,
    overlap,
    photographed,
    plain_room,
    wall_beside_window,
)

pytestmark = pytest.mark.long

DEMO = Path(demo.__file__).parent / "photos"


def written(picture: Picture, path: Path) -> Path:
    Image.fromarray(picture).save(path)
    return path


def read(path: Path) -> Picture:
    return np.asarray(Image.open(path).convert("RGB"))


def with_sky(picture: Picture, target: Path, kind: str, how: str, resolution: str = "high") -> Picture:
    source = written(picture, target.with_name("in.png"))
    engine.replace_sky(source, target, sky_type=kind, sky_sub_type=how, resolution=resolution)
    return read(target)


def with_lawn(picture: Picture, target: Path, kind: str) -> Picture:
    source = written(picture, target.with_name("in.png"))
    engine.replace_lawn(source, target, lawn_type=kind, resolution="high", extra_instructions=None)
    return read(target)


def test_the_sky_is_found_along_the_roof() -> None:
    picture, sky, _ = garden()
    found = find_sky(picture)
    assert found.outdoors is None
    assert overlap(found.mask, sky) > 0.97


def test_a_wall_beside_a_crown_is_no_gap_between_its_leaves() -> None:
    found = find_sky(read(DEMO / "12 Elm Road" / "garden__lawn-medium__sky-blue" / "IMG_0122.jpg"))
    assert found.mask[100, 600] > 0.99
    assert found.mask[370:700, 594:640].max() < 0.1


def test_the_lawn_is_found() -> None:
    picture, _, lawn = garden()
    assert overlap(find_lawn(picture), lawn) > 0.95


@pytest.mark.parametrize("stops", [-1.2, -0.6, 0, 0.4])
def test_old_clouds_and_birds_go_with_their_sky_in_dim_and_bright_pictures(stops: float) -> None:
    picture, sky, _ = garden()
    assert overlap(find_sky(exposed(clouded(picture, sky), stops)).mask, sky) > 0.95


@pytest.mark.parametrize("wall", [(188, 188, 186), (214, 206, 190), (96, 132, 178), (120, 150, 196)])
def test_a_wall_is_no_sky_and_a_carpet_no_lawn(wall: tuple[int, int, int]) -> None:
    """The refusal says what was found instead."""
    room = plain_room(wall)
    with pytest.raises(engine.Unsuitable, match=r"no sky was found in this picture: .*(wall|top edge)"):
        find_sky(room)
    with pytest.raises(engine.Unsuitable, match=r"no lawn .* may be a floor, a wall or a hedge"):
        find_lawn(room)


def test_the_light_on_a_wall_and_a_lamp_are_no_sky() -> None:
    """Both fade into their surroundings, where a sky would have an edge."""
    wall = photographed(wall_beside_window()[0], 2.2)[80:360, :300]
    lamp = np.full((480, 720, 3), 120, np.uint8)
    down, across = np.mgrid[0:480, 0:720]
    glow = np.clip(1.6 - np.hypot(down, across - 360) / 260, 0, 1)[:, :, None]
    lamp = (lamp + (255 - lamp) * glow).astype(np.uint8)
    lamp[420:] = 40
    for room in (wall, lamp):
        with pytest.raises(
            engine.Unsuitable, match=r"looked for a calm region, .* found a calm, gray region"
        ):
            find_sky(room)


def test_green_that_lies_under_no_sky_is_no_lawn() -> None:
    """A carpet can be as green and as rough as a lawn."""
    picture, _, lawn = garden()
    room = plain_room((188, 188, 186))
    room[lawn] = picture[lawn] * np.array((0.6, 1.0, 0.6))
    with pytest.raises(engine.Unsuitable, match=r"looked for grass on the ground, outdoors.*without a sky"):
        find_lawn(room)


def test_a_sky_goes_on_behind_a_cable() -> None:
    picture, sky, _ = garden()
    picture = clouded(picture, sky)
    for shift in range(-2, 3):
        picture[np.arange(192), 380 - np.arange(192) + shift] = (40, 44, 52)
    picture[150:170, 180:300] = (74, 70, 72)
    assert overlap(find_sky(picture).mask, sky) > 0.9


SHADE = np.array((150, 160, 176), np.uint8)


def test_a_sky_ends_at_a_wall_in_the_shade_that_is_as_light_and_nearly_as_blue() -> None:
    picture, sky, _ = garden()
    picture = clouded(picture, sky)
    wall = np.zeros_like(sky)
    wall[70:192, 420:560] = True
    picture[wall] = SHADE
    mask = find_sky(picture).mask
    assert overlap(mask, sky & ~wall) > 0.99
    assert (mask[wall] > 0.5).mean() < 0.01


def test_a_sky_that_runs_into_a_wall_in_the_shade_is_refused() -> None:
    """The wall's side fades into the sky, so that its straight upper edge alone doesn't separate them."""
    picture, sky, _ = garden()
    picture = clouded(picture, sky)
    fading = np.clip((np.arange(420, 640) - 420) / 160, 0, 1)[::-1, None]
    wall = picture[70:192, 420:640]
    wall[:] = (fading * SHADE + (1 - fading) * wall).round()
    with pytest.raises(engine.Unsuitable, match="with a straight step in it, like a wall's"):
        find_sky(picture)


def graded(picture: Picture, sky: Bits, top: tuple[int, int, int], low: tuple[int, int, int]) -> Picture:
    """The picture with a sky that goes from one colour at the top edge to another at the sky's lowest row."""
    rows = np.linspace(0, 1, int(sky.any(axis=1).sum()))[:, None]
    fall = np.zeros((*sky.shape, 3))
    fall[: len(rows)] = (np.array(top) + (np.array(low) - top) * rows)[:, None]
    return np.where(sky[:, :, None], fall.round(), picture).astype(np.uint8)


def test_a_sky_that_gets_as_bright_as_a_pale_house_is_found() -> None:
    """Its b* grows little, since it also gets brighter; at equal lightness it is much paler below."""
    picture, sky, lawn = garden()
    house = ~sky & ~lawn
    picture[house] = np.where(picture[house].sum(axis=1, keepdims=True) > 250, (232, 226, 214), (120, 70, 60))
    found = find_sky(graded(picture, sky, (96, 122, 164), (146, 170, 206)))
    assert overlap(found.mask, sky) > 0.97


def test_a_painted_wall_that_pales_without_getting_brighter_is_no_sky() -> None:
    picture, sky, lawn = garden()
    picture[~sky & ~lawn] = (232, 226, 214)
    with pytest.raises(engine.Unsuitable, match="gets no paler downwards, like a painted wall"):
        find_sky(graded(picture, sky, (104, 140, 200), (120, 132, 150)))


def test_a_blue_sky_goes_on_between_beams_and_leaves() -> None:
    """Else the old sky would stay there."""
    picture, sky, _ = garden()
    picture = graded(picture, sky, (84, 122, 190), (196, 214, 232))
    seen = picture[110:130, :24].copy()
    for column in (80, 140, 200):
        picture[96:180, column : column + 60] = (92, 88, 86)
        sky[96:180, column : column + 60] = False
        picture[110:130, column + 18 : column + 42] = seen
        sky[110:130, column + 18 : column + 42] = True
    crown = np.zeros_like(sky)
    random = np.random.default_rng(3)
    for x, y in random.normal((600, 100), (40, 34), (500, 2)).astype(int):
        crown[max(y - 1, 0) : y + 2, x - 2 : x + 3] = True
    picture[crown] = (58, 84, 40)
    found = find_sky(picture).mask
    assert (found[110:130, 98:122] > 0.5).mean() > 0.9
    within = np.zeros_like(sky)
    within[40:160, 530:670] = True
    assert (found[within & sky & ~crown] > 0.5).mean() > 0.9
    assert (found[within & crown] > 0.5).mean() < 0.3
    assert found[~sky].mean() < 0.01


def test_beams_as_light_as_a_blue_sky_are_no_part_of_it() -> None:
    """Their hue alone differs from it where the sun doesn't reach them, as on a white pergola."""
    picture, sky, _ = garden()
    picture = graded(picture, sky, (84, 122, 190), (196, 214, 232))
    beams = np.zeros_like(sky)
    beams[40:190, 60:90] = beams[60:90, 60:320] = True
    light = picture.astype(float) @ np.array((0.299, 0.587, 0.114))
    picture[beams] = np.clip(light[beams, None] + (4, 0, -10), 0, 255)
    sunny = np.add.outer(np.arange(480), np.arange(720)) // 40 % 2 == 0
    picture[beams & sunny] = (240, 228, 210)
    mask = find_sky(picture).mask
    assert overlap(mask, sky & ~beams) > 0.97
    assert (mask[dilate(beams, -1)] > 0.25).mean() < 0.01


def test_a_gray_sky_goes_on_behind_crowns_and_a_gray_wall_behind_a_plant_is_none() -> None:
    picture, sky, _ = garden()
    crown = np.zeros_like(sky)
    random = np.random.default_rng(3)
    for middle in (130, 560):
        for x, y in random.normal((middle, 120), (50, 36), (700, 2)).astype(int):
            crown[max(y - 1, 0) : y + 1, max(x - 1, 0) : x + 2] = True
    picture[sky] = picture[sky] * 0.93
    room = plain_room((188, 188, 186))
    room[crown] = picture[crown] = (58, 84, 40)
    assert overlap(find_sky(picture).mask, sky & ~crown) > 0.95
    with pytest.raises(engine.Unsuitable, match="no sky was found"):
        find_sky(room)


def test_a_gray_sky_goes_on_to_all_sides_of_a_tree_and_its_leaves_stay() -> None:
    """Beside the crown it stood there as a gray patch, and the crown's outermost leaves went with the sky."""
    picture, sky, _ = garden()
    crown = np.zeros_like(sky)
    random = np.random.default_rng(3)
    for x, y in random.normal((640, 130), (34, 26), (420, 2)).astype(int):
        crown[max(y - 1, 0) : y + 1, max(x - 1, 0) : x + 2] = True
    picture[sky] = picture[sky] * 0.93
    picture[crown] = (58, 84, 40)
    mask = find_sky(picture).mask[:185, 520:]
    assert (mask[(sky & ~crown)[:185, 520:]] > 0.5).mean() > 0.95
    assert (mask[crown[:185, 520:]] > 0.5).mean() < 0.3


def curved(picture: Picture, sky: Bits) -> Picture:
    """The picture with a clear sky that pales the faster the nearer the horizon."""
    rows = np.linspace(0, 1, int(sky.any(axis=1).sum()))[:, None] ** 2
    fall = np.zeros((*sky.shape, 3))
    fall[: len(rows)] = ((84, 122, 190) + np.array((112, 92, 42)) * rows)[:, None]
    return np.where(sky[:, :, None], fall.round(), picture).astype(np.uint8)


@pytest.mark.parametrize("shade", [(150, 164, 192), (140, 152, 180)])
def test_a_white_wall_in_the_shade_is_no_further_part_of_a_blue_sky(shade: tuple[int, int, int]) -> None:
    """It is as light as the sky beside it, and nearly as blue, since the sky alone lights it."""
    picture, sky, _ = garden()
    picture = curved(picture, sky)
    wall = np.zeros_like(sky)
    wall[100:190, 330:620] = True
    picture[wall] = shade
    frame = dilate(wall, 8) & ~wall
    picture[frame] = (240, 236, 228)
    mask = find_sky(picture).mask
    assert (mask[dilate(wall, -3)] > 0.25).mean() < 0.001
    assert overlap(mask, sky & ~wall & ~frame) > 0.97


def test_a_pale_wall_at_the_top_edge_beside_a_blue_sky_is_no_part_of_it() -> None:
    """As in a street: a darker house, cut off by the picture's edge, parts the wall from the sky."""
    picture, sky, _ = garden()
    picture = curved(picture, sky)
    picture[:192, :180] = (150, 92, 74)
    wall = np.zeros_like(sky)
    wall[:150, 20:120] = True
    picture[wall] = (177, 167, 158)
    mask = find_sky(picture).mask
    assert (mask[wall] > 0.25).mean() < 0.001
    sky[:192, :180] = False
    assert overlap(mask, sky) > 0.97


def test_an_even_gray_sky_over_a_white_house_is_found_and_ends_at_it() -> None:
    """Their edge is sharp, though they differ little; a glow that fades has none."""
    picture, sky, lawn = garden()
    picture = graded(picture, sky, (186, 186, 189), (176, 176, 179))
    house = ~sky & ~lawn
    picture[house] = (151, 151, 150)
    mask = find_sky(picture).mask
    assert overlap(mask, sky) > 0.97
    assert (mask[dilate(house, -3)] > 0.25).mean() < 0.001


def test_a_pale_board_below_a_gray_sky_is_no_part_of_it() -> None:
    picture, sky, _ = garden()
    picture = graded(picture, sky, (214, 214, 217), (200, 200, 203))
    board = np.zeros_like(sky)
    board[188:197, 20:300] = True
    picture[board] = (182, 180, 176)
    assert (find_sky(picture).mask[dilate(board, -3)] > 0.25).sum() == 0


def test_a_plain_sky_over_a_brighter_house_is_found() -> None:
    """High over the horizon it pales little."""
    picture, sky, lawn = garden()
    picture[~sky & ~lawn] = (226, 216, 196)
    edge = dilate(sky, 6) & ~sky
    picture[edge] = (150, 84, 64)
    mask = find_sky(graded(picture, sky, (102, 128, 168), (124, 150, 188))).mask
    assert overlap(mask, sky) > 0.97


def test_an_awning_with_stripes_in_two_blues_over_a_blue_door_is_no_sky() -> None:
    picture, sky, _ = garden()
    picture[230:310, 320:400] = (110, 138, 190)
    columns = np.arange(sky.shape[1]) // 4 % 2 == 0
    picture[sky] = np.where(columns[None, :, None], (110, 138, 190), (126, 136, 160))[:1].repeat(480, 0)[sky]
    with pytest.raises(engine.Unsuitable, match="no sky was found"):
        find_sky(picture)


def test_yellow_marks_on_a_road_are_no_lawn() -> None:
    picture, _, lawn = garden()
    road = picture.copy()
    road[lawn] = (120, 118, 116)
    road[400:470, 40:680] = (196, 176, 84)
    with pytest.raises(engine.Unsuitable, match="no lawn was found"):
        find_lawn(road)


@pytest.mark.parametrize("sub_type", ["subtle", "middle", "dramatic"])
def test_a_blue_sky_changes_the_sky_alone(tmp_path: Path, sub_type: str) -> None:
    picture, sky, _ = garden()
    after = with_sky(picture, tmp_path / "out.png", "blue", sub_type)
    change = np.abs(after.astype(int) - picture).max(axis=2)
    near_sky = np.zeros_like(sky)
    for shift in (-4, 0, 4):
        near_sky |= np.roll(sky, shift, 0) | np.roll(sky, shift, 1)
    assert np.percentile(change[~near_sky], 99.5) <= 2
    blueness = after[sky].astype(int) @ np.array([-1, 0, 1])
    assert np.median(blueness) > 15


def test_twilight_darkens_and_warms_the_house(tmp_path: Path) -> None:
    picture, sky, lawn = garden()
    subtle, dusk, dramatic = (
        with_sky(picture, tmp_path / "out.png", "twilight", how) for how in ("subtle", "middle", "dramatic")
    )
    brightness = [one[~sky & ~lawn].mean() for one in (picture, subtle, dusk, dramatic)]
    assert brightness == sorted(brightness, reverse=True)
    top, horizon = dusk[3].mean(axis=0), dusk[185, 5:40].mean(axis=0)
    assert top[2] > top[0]
    assert horizon[0] > horizon[2]


@pytest.mark.parametrize("lawn_type", ["light", "medium", "strong"])
def test_a_fresh_lawn_is_greener_and_keeps_its_blades(tmp_path: Path, lawn_type: str) -> None:
    picture, _, lawn = garden()
    after = with_lawn(picture, tmp_path / "out.png", lawn_type)

    def greenness(pixels: Picture) -> float:
        red, green = pixels[lawn][:, 0].astype(float), pixels[lawn][:, 1].astype(float)
        return float((green - red).mean())

    assert greenness(after) > greenness(picture) + 8
    assert np.abs(after.astype(int) - picture)[: picture.shape[0] // 2].max() <= 1
    before_detail = np.diff(picture[350:, :, 1].astype(float), axis=1).std()
    assert np.diff(after[350:, :, 1].astype(float), axis=1).std() > 0.5 * before_detail


def test_stronger_is_greener(tmp_path: Path) -> None:
    picture, _, lawn = garden()
    lawns = [with_lawn(picture, tmp_path / "out.png", kind)[lawn] for kind in ("light", "medium", "strong")]
    tones = [float((grass @ np.array([-1.0, 1.0, 0.0])).mean()) for grass in lawns]
    assert tones == sorted(tones)


def test_less_than_three_percent_is_refused(tmp_path: Path) -> None:
    small, _, _ = garden(sky_share=0.02, lawn_share=0.02)
    target = tmp_path / "out.png"
    for picture in (small, facade()):
        with pytest.raises(engine.Unsuitable, match="no sky was found in this picture"):
            with_sky(picture, target, "blue", "middle")
        with pytest.raises(engine.Unsuitable, match="no lawn was found in this picture"):
            with_lawn(picture, target, "light")
        assert not target.exists()


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    one, other = tmp_path / "a.jpg", tmp_path / "b.jpg"
    for target in (one, other):
        with_sky(garden()[0], target, "twilight", "dramatic")
    assert one.read_bytes() == other.read_bytes()


def test_staging_says_on_the_picture_that_it_did_nothing(tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    engine.stage(
        written(facade(), tmp_path / "in.png"),
        target,
        room_type="LIVING_ROOM",
        room_style="midCentury",
        action_type="subtleStaging",
        resolution="high",
        color_types=["ivory"],
        remove_furniture=False,
        extra_instructions=None,
    )
    after, band = read(target), round(600 * 0.07)
    assert np.array_equal(after[:-band], facade()[:-band])
    letters = (after[-band:] == (255, 214, 10)).all(axis=2)
    assert letters.mean() > 0.01
    assert letters.any(axis=0).mean() > 0.2


def test_low_resolution_is_smaller_and_the_others_keep_the_size(tmp_path: Path) -> None:
    large = np.asarray(Image.fromarray(garden()[0]).resize((1410, 940)))
    shapes = [
        with_sky(large, tmp_path / "out.jpg", "blue", "subtle", resolution).shape[:2]
        for resolution in ("low", "high", "superHigh")
    ]
    assert shapes == [(853, 1280), (940, 1410), (940, 1410)]
