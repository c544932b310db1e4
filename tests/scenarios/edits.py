"""Rules edited under load, half of the edits wrong: `python -m tests.scenarios.edits --edits 30`.

Sets are dropped all the time while the settings of a real daemon are edited: replaced, or written in two
halves, found by its scan or signalled by SIGHUP. At the end every set must be done, its originals untouched,
by one version of the rules. Exits 1 when one is not.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hotfolder.control.opening import opened
from hotfolder.control.upkeep import verify
from hotfolder.jobs.context import recipe_of
from hotfolder.jobs.model import FileRole
from hotfolder.jobs.states import State
from hotfolder.rules.recipes import Recipe
from hotfolder.stager.operations import HdrOptions, Sky, Stage
from tests.support.pictures import bracket
from tests.support.studio import ELM, Run, Shop, Studio

HALF_SECONDS = 0.3
WRONG = (
    "routes: [\n",
    "rutes: []\n",
    "routes:\n  - name: v\n    operations: [sky-purple]\n",
    "routes:\n  - name: v\n    hdr: {lensCorrection: perhaps}\n",
)


@dataclass
class Edits:
    """One run. `broken` holds the violations at the end."""

    studio: Studio
    seed: int
    dropped: dict[str, dict[str, bytes]] = field(default_factory=dict)
    routes: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.base: dict[str, Any] = yaml.safe_load(self.studio.config.read_text())

    def play(self, number: int, *, looked_for: int) -> None:
        """Make that many edits, every second one wrong; `looked_for` of them without a signal."""
        self._write(self._valid(0))
        run = self.studio.start()
        quiet = set(self.random.sample(range(1, number + 1), looked_for))
        for version in range(1, number + 1):
            self._drop()
            wrong = version % 2 == 0
            before = changes_told(run)
            self._write(self._wrong() if wrong else self._valid(version))
            self._drop()
            if version not in quiet:
                run.process.send_signal(signal.SIGHUP)
            self._await(run, before, wrong=wrong)
        self.studio.wait_until(lambda status: status["counts"] == {"done": len(self.dropped)}, 120)
        if run.stop() != 0:
            self.broken.append("the daemon did not end well")
        self.studio.config.write_text(yaml.safe_dump(self.base))
        self.broken += self._judged()

    def _drop(self) -> None:
        room = f"room {len(self.dropped) + 1}"
        self.dropped[room] = bracket(2)
        self.studio.drop(ELM, room, self.dropped[room])

    def _valid(self, version: int) -> str:
        recipe = recipe_of_version(version)
        route = {
            "name": f"v{version}",
            "hdr": recipe.hdr.model_dump(by_alias=True),
            "operations": [
                {one.kind: one.model_dump(mode="json", by_alias=True, exclude={"kind"}, exclude_none=True)}
                for one in recipe.operations
            ],
        }
        return yaml.safe_dump({**self.base, "routes": [route]})

    def _wrong(self) -> str:
        return yaml.safe_dump(self.base) + self.random.choice(WRONG)

    def _write(self, text: str) -> None:
        config = self.studio.config
        if self.random.random() < 0.5:
            beside = config.with_suffix(".new")
            beside.write_text(text)
            beside.replace(config)
            return
        with config.open("w") as stream:
            stream.write(text[: len(text) // 2])
            stream.flush()
            time.sleep(HALF_SECONDS)
            stream.write(text[len(text) // 2 :])
            stream.flush()
            os.fsync(stream.fileno())

    def _await(self, run: Run, before: int, *, wrong: bool) -> None:
        def taken(status: dict[str, Any]) -> bool:
            if wrong or status["settings"]["error"]:
                return wrong and bool(status["settings"]["error"])
            return changes_told(run) > before

        self.studio.wait_until(taken)

    def _judged(self) -> Iterator[str]:
        with opened(self.studio.config) as installation:
            for job in installation.store.in_states([State.DONE]):
                version = int((job.route or "v-1")[1:])
                self.routes[job.route or ""] = self.routes.get(job.route or "", 0) + 1
                if recipe_of(job).model_copy(update={"taken_on": ""}) != recipe_of_version(version):
                    yield f"{job.room}: its recipe is not the one of {job.route}"
                asked = {call.operation: call.parameters for call in installation.store.ledger.of_job(job.id)}
                for one in recipe_of_version(version).operations:
                    if asked.get(one.kind) != one.model_dump_json(by_alias=True):
                        yield f"{job.room}: what was asked for {one.kind} is not what {job.route} says"
                if not any(file.role == FileRole.PHOTO for file in installation.store.files(job.id)):
                    yield f"{job.room}: no photo"
            yield from (f"verify: {what}" for _, what in verify(installation))
        for room, photos in self.dropped.items():
            if self.studio.filed(room) != photos:
                yield f"{room}: its originals are not what was dropped"


def changes_told(run: Run) -> int:
    return run.text().count('"settings_changed"')


def recipe_of_version(version: int) -> Recipe:
    """The recipe of a version; each differs from the one before in every field."""
    odd = version % 4 == 1
    return Recipe(
        hdr=HdrOptions(lens_correction=odd),
        operations=(
            Stage(room_type="KITCHEN", room_style="modern" if odd else "rustic"),
            Sky(sky_type="blue" if odd else "twilight"),
        ),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Shop(Path(folder) / "shop") as shop:
        studio = Studio(Path(folder) / "studio", shop=shop)
        edits = Edits(studio, asked.seed)
        try:
            edits.play(asked.edits, looked_for=asked.edits // 2)
        finally:
            studio.end()
    print(
        f"{asked.edits} edits, half of them found by looking and half by SIGHUP,"
        f" {len(edits.dropped)} sets, {time.monotonic() - began:.0f} s; sets by route: {edits.routes}"
    )
    print("\n".join(edits.broken) or "No set lost, none treated by half a rule.")
    return 1 if edits.broken else 0


if __name__ == "__main__":
    sys.exit(main())
