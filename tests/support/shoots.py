"""Whole shoots as flat drops, shuffled and renamed, with the true sets."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from hotfolder.rules.grouping.group import USUAL
from hotfolder.rules.grouping.model import GroupingOptions
from hotfolder.rules.sets import Photo
from tests.support import visits
from tests.support.camera import FILE, Photographer


@dataclass(frozen=True)
class Shoot:
    """A shoot. `sets` and `flash` hold names of `photos`; every photo is in one of them, or an old export."""

    kind: str
    seed: str
    photos: tuple[Photo, ...]
    sets: frozenset[frozenset[str]]
    flash: frozenset[str] = frozenset()
    old_exports: frozenset[str] = frozenset()
    options: GroupingOptions = USUAL


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


KINDS: dict[str, tuple[Visit, Visit]] = {
    "Canon manual AEB": (visits.with_canon, visits.canon_manual),
    "Canon Av AEB": (visits.with_canon, visits.canon_av),
    "Canon AEB of seven": (visits.with_canon, visits.canon_seven),
    "Sony": (visits.with_sony, visits.sony_bracket),
    "Sony, fired again at once": (visits.with_sony, visits.fired_again_at_once),
    "phone, single": (visits.with_phone, visits.phone_single),
    "phone, brackets": (visits.with_phone, visits.phone_bracket),
    "by hand, three": (visits.with_canon, visits.by_hand),
    "by hand, five": (visits.with_canon, visits.by_hand_five),
    "by hand, compensated": (visits.with_canon, visits.by_hand_compensated),
    "by hand, with retakes": (visits.with_canon, visits.by_hand_with_retakes),
    "six seconds": (visits.with_canon, visits.six_seconds),
    "six seconds, dark frames": (visits.with_canon, visits.six_seconds_with_dark_frames),
    "six seconds, by hand": (visits.with_canon, visits.six_seconds_by_hand),
    "some stopped": (visits.with_canon, visits.some_stopped),
    "some trials": (visits.with_canon, visits.some_trials),
    "identical rooms": (visits.with_canon, visits.identical_rooms),
    "identical rooms, Sony": (visits.with_sony, visits.identical_rooms),
    "identical rooms, by hand": (visits.with_canon, visits.identical_rooms_by_hand),
    "with flash": (visits.with_canon, visits.with_flash),
    "flash in a burst": (visits.with_canon, visits.flash_in_between),
    "by hand, quickly": (visits.with_canon, visits.by_hand_quickly),
    "culled": (visits.with_canon, visits.canon_manual),
    "culled, by hand": (visits.with_canon, visits.by_hand_five),
    "mixed": (visits.with_canon, visits.mixed),
    "hurried": (visits.with_canon, visits.hurried),
    "another view": (visits.with_canon, visits.another_view),
    "anything": (visits.with_canon, visits.anything),
    "nine": (visits.with_canon, visits.nine),
    "two bodies": (visits.with_canon, visits.two_bodies),
    "manual lens": (visits.with_manual_lens, visits.sony_bracket),
    "exported twice": (visits.with_canon, visits.canon_manual),
    "exported twice, Sony": (visits.with_sony, visits.sony_bracket),
    "stripped, by picture": (visits.with_canon, visits.canon_manual),
    "stripped, counted in order": (visits.with_canon, visits.canon_manual),
}

FINISH: dict[str, Callable[[Shoot, random.Random], Shoot]] = {
    "exported twice": exported_twice,
    "exported twice, Sony": exported_twice,
    "culled": culled,
    "culled, by hand": culled,
    "stripped, by picture": stripped,
    "stripped, counted in order": stripped_of_five,
}
