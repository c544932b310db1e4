"""How well flat drops are grouped: `python -m tests.bench.grouping [SEED] [--blind] [--errors] [--write]`.

Prints, for each kind of shoot, how many sets came out exactly right and whether they were sure of themselves,
and what simple rules make of the same photos. `--blind` takes the pictures' signatures away; `--write` puts
the table into `docs/grouping.md`.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from hotfolder.rules.grouping.group import group
from hotfolder.rules.sets import Photo
from tests.bench.page import GROUPING, put
from tests.support.shoots import Shoot, shoots

OUTCOMES = ("right", "right, held", "cut apart, held", "mixed, held", "wrong")
Rule = Callable[[Sequence[Photo]], list[list[Photo]]]


def outcomes(shoot: Shoot) -> Counter[str]:
    """Each true set's outcome. `wrong` is the harm: a photo of it went into another set, unasked."""
    found = group(shoot.photos, shoot.options)
    sure = {names(each.photos) for each in found.sets if each.sure and not found.doubts}
    held = {names(each.photos) for each in found.sets} - sure
    refused = {names(each.photos) for each in found.refused}
    strayed = {name for each in sure - shoot.sets for name in each}
    left_out = found.kept_out.keys() - shoot.flash - shoot.old_exports
    count: Counter[str] = Counter()
    for true in shoot.sets:
        if true in sure or true in refused:
            count["right"] += 1
        elif true in held:
            count["right, held"] += 1
        elif true & (strayed | left_out):
            count["wrong"] += 1
        else:
            count[
                "mixed, held" if any(each & true and each - true for each in held) else "cut apart, held"
            ] += 1
    return count


def names(photos: Iterable[Photo]) -> frozenset[str]:
    return frozenset(photo.name for photo in photos)


def exactly_right(shoot: Shoot, rule: Rule) -> int:
    """The number of sets that a simple rule finds. Frames with flash and old exports are not counted against
    it."""
    spared = shoot.flash | shoot.old_exports
    photos = [photo for photo in shoot.photos if photo.name not in spared]
    if any(photo.capture is None for photo in photos):
        return 0
    ordered = sorted(photos, key=lambda photo: (_start(photo), photo.name))
    return len(shoot.sets & {names(each) for each in rule(ordered)})


def gap_between_starts(seconds: float) -> Rule:
    def rule(photos: Sequence[Photo]) -> list[list[Photo]]:
        return _cut(photos, lambda run, photo: _start(photo) - _start(run[-1]) > seconds)

    return rule


def until_the_first_exposure_repeats(photos: Sequence[Photo]) -> list[list[Photo]]:
    """A set ends where its first exposure comes back."""
    return _cut(photos, lambda run, photo: _exposure(run[0]) == _exposure(photo))


def number_of_the_first_set(photos: Sequence[Photo]) -> list[list[Photo]]:
    """Every set has as many frames as there are before the very first exposure comes back."""
    again = (
        place for place, photo in enumerate(photos) if place and _exposure(photo) == _exposure(photos[0])
    )
    number = next(again, len(photos))
    return [list(photos[start : start + number]) for start in range(0, len(photos), number)]


def maker_bias(photos: Sequence[Photo]) -> list[list[Photo]]:
    """A set ends where its exposure bias comes back."""
    return _cut(photos, lambda run, photo: _bias(photo) in {_bias(each) for each in run})


def _cut(photos: Sequence[Photo], begins: Callable[[list[Photo], Photo], bool]) -> list[list[Photo]]:
    runs = [[photos[0]]]
    for _, photo in pairwise(photos):
        if begins(runs[-1], photo):
            runs.append([])
        runs[-1].append(photo)
    return runs


def _start(photo: Photo) -> float:
    return (photo.capture.started_seconds or 0.0) if photo.capture else 0.0


def _exposure(photo: Photo) -> float | None:
    return photo.capture.exposure_seconds if photo.capture else None


def _bias(photo: Photo) -> float | None:
    return photo.capture.bias_ev if photo.capture else None


PEERS: dict[str, Rule] = {
    "gap 1 s": gap_between_starts(1),
    "gap 3 s": gap_between_starts(3),
    "gap 10 s": gap_between_starts(10),
    "repeat": until_the_first_exposure_repeats,
    "N by repeat": number_of_the_first_set,
    "bias": maker_bias,
}


def counted(drop: Sequence[Shoot]) -> dict[str, Counter[str]]:
    """The outcomes of each kind of shoot, and of all."""
    kinds: dict[str, Counter[str]] = {}
    for shoot in drop:
        for line in (shoot.kind, "all"):
            count = kinds.setdefault(line, Counter())
            count += outcomes(shoot)
            count["sets"] += len(shoot.sets)
            for name, rule in PEERS.items():
                count[name] += exactly_right(shoot, rule)
    kinds["all"] = kinds.pop("all")
    return kinds


COLUMNS = ("sets", *OUTCOMES, *PEERS)


def markdown(kinds: Mapping[str, Counter[str]]) -> str:
    """The table, with shares alone of the simple rules."""
    lines = ["| shoots | " + " | ".join(COLUMNS) + " |", "|---|" + "---:|" * len(COLUMNS)]
    for kind, count in kinds.items():
        own = [str(count[column] or "–") for column in COLUMNS[: 1 + len(OUTCOMES)]]
        peers = [f"{count[name] / count['sets']:.0%}" for name in PEERS]
        lines.append("| " + " | ".join([kind, *own, *peers]) + " |")
    total = kinds["all"]
    shares = [f"{total[column] / total['sets']:.2%}" for column in COLUMNS[1:]]
    return "\n".join([*lines, "| of all | | " + " | ".join(shares) + " |"])


def errors(drop: Sequence[Shoot]) -> None:
    """Every outcome that isn't `exact`, for work on the rules."""
    for shoot in drop:
        found = group(shoot.photos, shoot.options)
        for each in found.sets:
            true = names(each.photos) in shoot.sets
            if not (true and each.sure):
                what = "held" if not each.sure else "WRONG"
                print(f"{shoot.kind}: {'right' if true else 'false'} {what} {len(each.photos)}: ", end="")
                print(each.evidence, each.doubts)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("seed", type=int, nargs="?", default=1)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--blind", action="store_true")
    asked.add_argument("--errors", action="store_true")
    asked.add_argument("--write", action="store_true")
    given = asked.parse_args()
    drop = shoots(given.seed, given.rounds)
    if given.blind:
        drop = [
            replace(shoot, photos=tuple(replace(photo, signature="") for photo in shoot.photos))
            for shoot in drop
        ]
    if given.errors:
        errors(drop)
    title = f"{len(drop)} shoots, {sum(len(shoot.photos) for shoot in drop)} photos"
    print(f"seed {given.seed}: {title}")
    table = markdown(counted(drop))
    print(table)
    if given.write:
        put(GROUPING, "grouping", f"{title} (seed {given.seed}):\n\n{table}")


if __name__ == "__main__":
    main()
