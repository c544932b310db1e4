"""Two kills during one set, at every pair of crash points: `python -m tests.scenarios.pairs`.

`--sample 100 --seed 1` plays that many of them. Exits 1 when any promise was broken.
"""

from __future__ import annotations

import argparse
import sys
from itertools import product
from random import Random

from tests.daemon.test_crashing import GOOD_PASSINGS
from tests.scenarios.storm import LANES, report
from tests.scenarios.weather import Drop, Plan
from tests.support.pictures import bracket

FOLDER = "living-room__sky-twilight"
PURCHASES = frozenset({("merge",), ("merge", "sky")})


def all_pairs() -> list[Plan]:
    """A plan for each pair; the second crash point may never be passed again."""
    steps = [(step.value, nth) for step, most in GOOD_PASSINGS.items() for nth in range(1, most + 1)]
    return [
        Plan(
            drops=(Drop("12 Elm Road", FOLDER, bracket(), PURCHASES),),
            faults=(),
            kills=tuple({"kill_at": step, "nth": nth} for step, nth in pair),
            dragged_back=False,
        )
        for pair in product(steps, repeat=2)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill the daemon twice, at every pair of steps.")
    parser.add_argument("--sample", type=int, help="only so many pairs, chosen by the seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lanes", type=int, default=LANES, help="how many at a time")
    chosen = parser.parse_args()
    plans = dict(enumerate(all_pairs(), start=1))
    if chosen.sample is not None:
        numbers = Random(chosen.seed).sample(sorted(plans), chosen.sample)
        plans = {number: plans[number] for number in numbers}
    return report(plans, f"{len(plans)} pairs", chosen.lanes)


if __name__ == "__main__":
    sys.exit(main())
