"""Whole shoots as flat drops, shuffled and renamed, with the true sets."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hotfolder.rules.grouping.group import DEFAULT_OPTIONS
from hotfolder.rules.grouping.results import GroupingOptions
from hotfolder.rules.sets import Photo
from tests.support.camera import (
    CANON,
    CANON_ORDER,
    FILE,
    MIDDLE,
    PHONE,
    SHUTTER,
    SIX_SECONDS,
    SONY,
    Photographer,
    nudged,
)


@dataclass(frozen=True)
class Shoot:
    """A shoot. `sets` and `flash` hold names of `photos`; every photo is in one of them, or an old export."""

    kind: str
    seed: str
    photos: tuple[Photo, ...]
    sets: frozenset[frozenset[str]]
    flash: frozenset[str] = frozenset()
    old_exports: frozenset[str] = frozenset()
    options: GroupingOptions = DEFAULT_OPTIONS


Visit = Callable[[Photographer], None]


def shoots(seed: int, rounds: int = 3) -> list[Shoot]:
    """Every kind of shoot, `rounds` times, of 5 to 60 pictures each; the same for the same seed."""
    return [shoot(kind, f"{seed} {number}") for number in range(rounds) for kind in KINDS]


def shoot(kind: str, seed: str) -> Shoot:
    rng = random.Random(f"{kind} {seed}")
    photographer = Photographer(rng)
    begin, visit = KINDS[kind]
    begin(photographer)
    wanted = rng.randint(5, 60)
    while len(photographer.sets) < wanted:
        visit(photographer)
    made = Shoot(
        kind,
        seed,
        tuple(photographer.photos),
        frozenset(frozenset(names) for names in photographer.sets),
        frozenset(photographer.flash),
    )
    return renamed(FINISH.get(kind, as_it_is)(made, rng), rng)


def renamed(made: Shoot, rng: random.Random) -> Shoot:
    """Shuffle the photos and give them meaningless names, except for the kind that depends on names."""
    if made.kind == "stripped, counted in order":
        return replace(made, photos=tuple(rng.sample(made.photos, len(made.photos))))
    numbers = rng.sample(range(10**5), len(made.photos))
    plain = [photo for photo in made.photos if photo.name not in made.old_exports]
    new = {photo.name: f"elm-{number:05d}.jpg" for photo, number in zip(plain, numbers, strict=False)}
    for name in made.old_exports:
        new[name] = new[name.replace("-2.jpg", ".jpg")].replace(".jpg", "-2.jpg")
    photos = [replace(photo, name=new[photo.name]) for photo in made.photos]
    rng.shuffle(photos)
    return replace(
        made,
        photos=tuple(photos),
        sets=frozenset(frozenset(new[name] for name in names) for names in made.sets),
        flash=frozenset(new[name] for name in made.flash),
        old_exports=frozenset(new[name] for name in made.old_exports),
    )


def as_it_is(made: Shoot, rng: random.Random) -> Shoot:
    return made


def stripped(made: Shoot, rng: random.Random) -> Shoot:
    """Remove all capture data."""
    return replace(made, photos=tuple(replace(photo, capture=None) for photo in made.photos))


def stripped_of_five(made: Shoot, rng: random.Random) -> Shoot:
    return replace(stripped(made, rng), options=GroupingOptions(brackets=5))


def exported_twice(made: Shoot, rng: random.Random) -> Shoot:
    """Add earlier exports of a tenth of the photos; Lightroom has appended -2 to the newer ones."""
    photos = list(made.photos)
    old = [photo for photo in made.photos if rng.random() < 0.1]
    for photo in old:
        digest = f"{rng.getrandbits(128):032x}"
        photos.append(replace(photo, name=photo.name.replace(".jpg", "-2.jpg"), sha256=digest))
    photos = [
        replace(photo, identity=replace(FILE, mtime_ns=1 + ("-2" not in photo.name))) for photo in photos
    ]
    return replace(
        made,
        photos=tuple(photos),
        old_exports=frozenset(photo.name.replace(".jpg", "-2.jpg") for photo in old),
    )


def culled(made: Shoot, rng: random.Random) -> Shoot:
    """Remove a few frames."""
    gone = {photo.name for photo in made.photos if rng.random() < 0.03}
    return replace(
        made,
        photos=tuple(photo for photo in made.photos if photo.name not in gone),
        sets=frozenset(names - gone for names in made.sets if names - gone),
    )


AV_ORDER = (0, -2, 2)
RISING = (-2, 0, 2)


def with_canon(by: Photographer) -> None:
    by.body = CANON


def with_sony(by: Photographer) -> None:
    by.body, by.lens = SONY, "FE 12-24mm F4 G"


def with_phone(by: Photographer) -> None:
    by.body, by.lens, by.focal_mm, by.aperture = PHONE, "iPhone 15 Pro back camera 2.22mm f/2.2", 2.22, 2.2


def with_manual_lens(by: Photographer) -> None:
    by.body, by.lens, by.focal_mm, by.aperture = SONY, None, 12.0, None


def pictures(
    stops: Sequence[float],
    walk: tuple[float, float] = (8, 90),
    *,
    pause: tuple[float, float] = (0.21, 0.29),
    middle: tuple[float, float] | int = (1 / 125, 1 / 4),
    **how: Any,
) -> Visit:
    """A visit of one room: a bracket around a `middle` that is metered within a range, or is that place in
    SHUTTER."""

    def visit(by: Photographer) -> None:
        scene = by.room()
        by.bracket(scene, middle if isinstance(middle, int) else by.meter(*middle), stops, pause, **how)
        by.walk(*walk)

    return visit


BY_HAND: dict[str, Any] = {"pause": (7, 27), "middle": (1 / 60, 1 / 4)}
canon_manual = pictures(CANON_ORDER)
canon_av = pictures(AV_ORDER, mode=2, bias=True)
six_seconds = pictures(CANON_ORDER, (8, 60), middle=SIX_SECONDS - 12)
identical_rooms = pictures(CANON_ORDER, (3, 12), middle=MIDDLE)
by_hand_five = pictures((-4, -2, 0, 2, 4), (12, 90), **BY_HAND)
hurried = pictures(CANON_ORDER, (2.5, 8))  # the next set follows within seconds, with any exposure


def sony_bracket(by: Photographer) -> None:
    stops = by.rng.choice([(0, -2, 2), (0, -2, 2, -4, 4)]) if by.rng.random() < 0.1 else (0, -2, 2, -4, 4)
    by.burst(by.room(), by.meter(), stops, mode=2, bias=True)
    by.walk(6, 90)


def fired_again_at_once(by: Photographer) -> None:
    """A third of the rooms are taken twice within two seconds, so that the bursts can overlap by a clock of
    whole seconds."""
    scene, middle = by.room(), by.meter(1 / 125, 1 / 30)
    by.burst(scene, middle, AV_ORDER, mode=2, bias=True)
    if by.rng.random() < 0.33:
        by.walk(0.4, 2)
        by.burst(scene, middle, AV_ORDER, mode=2, bias=True)
    by.walk(8, 90)


def phone_single(by: Photographer) -> None:
    if by.rng.random() < 0.2:
        by.lens, by.focal_mm, by.aperture = by.rng.choice(
            [
                ("iPhone 15 Pro back camera 2.22mm f/2.2", 2.22, 2.2),
                ("iPhone 15 Pro back camera 6.86mm", 6.86, 1.78),
            ]
        )
    by.iso = by.rng.choice([50, 64, 80, 125, 250, 400])
    by.single(by.room(), by.meter(1 / 250, 1 / 15))
    by.walk(4, 40)


def phone_bracket(by: Photographer) -> None:
    by.iso = by.rng.choice([50, 64, 80])
    by.bracket(by.room(), by.meter(1 / 250, 1 / 15), RISING, (0.05, 0.4), mode=by.rng.choice([0, 1]))
    by.walk(6, 60)


def by_hand(by: Photographer) -> None:
    stops = by.rng.choice([(-2, 0, 2), (2, 0, -2), (0, -2, 2)]) if by.rng.random() < 0.1 else (-2, 0, 2)
    by.bracket(by.room(), by.meter(1 / 60, 1 / 4), stops, (7, 27))
    by.walk(12, 90)


def by_hand_with_retakes(by: Photographer) -> None:
    """In a tenth of the rooms someone walks through the picture, and a frame is taken again."""
    stops: tuple[float, ...] = (-2, 0, 2)
    if by.rng.random() < 0.1:
        again = by.rng.randrange(3)
        stops = (*stops[: again + 1], *stops[again:])
    by.bracket(by.room(), by.meter(1 / 60, 1 / 4), stops, (7, 27))
    by.walk(12, 90)


def six_seconds_with_dark_frames(by: Photographer) -> None:
    by.bracket(
        by.room(), SIX_SECONDS - 12 - by.rng.randint(0, 3), CANON_ORDER, (0.21, 0.29), dark_frames=True
    )
    by.walk(8, 60)


def six_seconds_by_hand(by: Photographer) -> None:
    by.bracket(by.room(), SIX_SECONDS - 6 - by.rng.randint(0, 3), RISING, (7, 27))
    by.walk(12, 90)


def some_stopped(by: Photographer) -> None:
    """An eighth of the sets are stopped after two frames, and taken again."""
    scene, middle = by.room(), by.meter()
    if by.rng.random() < 0.125:
        by.burst(scene, middle, CANON_ORDER[:2])
        by.walk(2, 12)
    by.burst(scene, middle, CANON_ORDER)
    by.walk(8, 90)


def some_trials(by: Photographer) -> None:
    """A fifth of the rooms are tried with one frame first."""
    scene, middle = by.room(), by.meter()
    if by.rng.random() < 0.2:
        by.single(scene, middle + by.rng.choice([0, 0, 1, -2]), mode=1)
        by.walk(4, 15)
    by.burst(scene, middle, CANON_ORDER)
    by.walk(8, 90)


def with_flash(by: Photographer) -> None:
    scene, middle = by.room(), by.meter()
    by.burst(scene, middle, CANON_ORDER)
    for _ in range(by.rng.choice([0, 1, 1, 2])):
        by.walk(2, 12)
        by.lit(scene, SHUTTER.index(1 / 125))
    by.walk(15, 90)


def flash_in_between(by: Photographer) -> None:
    """In some rooms the last frame of a burst has flash."""
    scene, middle = by.room(), by.meter()
    lit = by.rng.random() < 0.3
    by.burst(scene, middle, CANON_ORDER[:4] if lit else CANON_ORDER)
    if lit:
        by.walk(0.21, 0.29)
        by.lit(scene, middle + 12)
    by.walk(8, 90)


def mixed(by: Photographer) -> None:
    """Rooms in five frames, the outside in three with another lens, details in one."""
    outside = by.rng.random()
    by.lens, by.focal_mm, by.aperture = "EF16-35mm f/4L IS USM", by.rng.choice([17.0, 20.0]), 8.0
    if outside < 0.7:
        by.burst(by.room(), by.meter(), CANON_ORDER)
    elif outside < 0.85:
        by.lens, by.focal_mm = "EF24-105mm f/4L IS USM", 35.0
        by.burst(by.room(), by.meter(1 / 500, 1 / 60), AV_ORDER, mode=2, bias=True)
    else:
        by.lens, by.focal_mm, by.aperture = "EF24-105mm f/4L IS USM", 70.0, 5.6
        by.single(by.room(), by.meter(1 / 125, 1 / 30))
    by.walk(8, 60)


def another_view(by: Photographer) -> None:
    """By hand, and then the same room again from half a step aside, with another exposure."""
    scene = by.room()
    by.bracket(scene, by.meter(1 / 60, 1 / 4), RISING, (7, 27))
    by.walk(10, 30)
    if by.rng.random() < 0.2:
        by.bracket(nudged(scene, by.rng, 1.0), by.meter(1 / 60, 1 / 4), RISING, (7, 27))
        by.walk(10, 60)


def anything(by: Photographer) -> None:
    """All kinds in one shoot."""
    by.rng.choice(
        [
            canon_manual,
            canon_manual,
            canon_av,
            by_hand,
            with_flash,
            some_stopped,
            some_trials,
            six_seconds,
            hurried,
        ]
    )(by)
    if by.rng.random() < 0.1:
        by.single(by.room(), by.meter(1 / 125, 1 / 30))
        by.walk(6, 60)


def nine(by: Photographer) -> None:
    """Some sets have more frames than the API takes."""
    by.burst(by.room(), by.meter(), (0, -1, 1, -2, 2, -3, 3, -4, 4) if by.rng.random() < 0.2 else CANON_ORDER)
    by.walk(8, 90)


def two_bodies(by: Photographer) -> None:
    """Two people, each with a body of their own, at the same time."""
    started = by.now
    for body, lens in ((CANON, "EF16-35mm f/4L IS USM"), (SONY, "FE 12-24mm F4 G")):
        by.now, by.body, by.lens = started + by.rng.uniform(0, 10), body, lens
        by.burst(by.room(), by.meter(), (0, -2, 2), mode=2, bias=True)
    by.walk(15, 60)


KINDS: dict[str, tuple[Visit, Visit]] = {
    "Canon manual AEB": (with_canon, canon_manual),
    "Canon Av AEB": (with_canon, canon_av),
    "Canon AEB of seven": (with_canon, pictures((0, -1, 1, -2, 2, -3, 3))),
    "Sony": (with_sony, sony_bracket),
    "Sony, fired again at once": (with_sony, fired_again_at_once),
    "phone, single": (with_phone, phone_single),
    "phone, brackets": (with_phone, phone_bracket),
    "by hand, three": (with_canon, by_hand),
    "by hand, five": (with_canon, by_hand_five),
    "by hand, compensated": (with_canon, pictures(RISING, (12, 90), **BY_HAND, mode=0, bias=True)),
    "by hand, with retakes": (with_canon, by_hand_with_retakes),
    "six seconds": (with_canon, six_seconds),
    "six seconds, dark frames": (with_canon, six_seconds_with_dark_frames),
    "six seconds, by hand": (with_canon, six_seconds_by_hand),
    "some stopped": (with_canon, some_stopped),
    "some trials": (with_canon, some_trials),
    "identical rooms": (with_canon, identical_rooms),
    "identical rooms, Sony": (with_sony, identical_rooms),
    "identical rooms, by hand": (with_canon, pictures(RISING, (8, 25), pause=(7, 27), middle=MIDDLE)),
    "with flash": (with_canon, with_flash),
    "flash in a burst": (with_canon, flash_in_between),
    "by hand, quickly": (with_canon, pictures(RISING, (8, 60), pause=(1.5, 6), middle=(1 / 60, 1 / 4))),
    "culled": (with_canon, canon_manual),
    "culled, by hand": (with_canon, by_hand_five),
    "mixed": (with_canon, mixed),
    "hurried": (with_canon, hurried),
    "another view": (with_canon, another_view),
    "anything": (with_canon, anything),
    "nine": (with_canon, nine),
    "two bodies": (with_canon, two_bodies),
    "manual lens": (with_manual_lens, sony_bracket),
    "exported twice": (with_canon, canon_manual),
    "exported twice, Sony": (with_sony, sony_bracket),
    "stripped, by picture": (with_canon, canon_manual),
    "stripped, counted in order": (with_canon, canon_manual),
}

FINISH: dict[str, Callable[[Shoot, random.Random], Shoot]] = {
    "exported twice": exported_twice,
    "exported twice, Sony": exported_twice,
    "culled": culled,
    "culled, by hand": culled,
    "stripped, by picture": stripped,
    "stripped, counted in order": stripped_of_five,
}
