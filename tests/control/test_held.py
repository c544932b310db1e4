"""Waiting photos of a folder, looked at while the daemon works there."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hotfolder.config.load import load
from hotfolder.control.explain import Explainer
from hotfolder.control.held import DraftSet, approve_held, look_at, place_known
from hotfolder.control.lookup import folder_id
from hotfolder.jobs.model import FileRole, NewJob, job_file
from hotfolder.rules.recipes import Recipe
from hotfolder.rules.sets import FileIdentity
from tests.support.rolls import shoot
from tests.support.studio import ELM, MakeStudio


def test_an_approved_set_that_begins_while_one_looks_does_not_wait_again(
    make_studio: MakeStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its job is in the store before the daemon reports it as under way."""
    studio = make_studio(routes=[{"name": "all", "match": {"room": "*"}, "group": "review"}])
    files, sets, _ = shoot()
    studio.drop(ELM, "", files)
    settings = load(studio.config, {})
    place = place_known(settings, folder_id("inbox", ELM, ""))
    seen = look_at(settings, place)
    draft = [DraftSet(one.name, tuple(photo.key for photo in one.photos)) for one in seen.waiting]
    approve_held(settings, place, draft, [0], seen.waiting[0].bill.calls)
    photos = tuple(job_file(name, FileIdentity(1, 1, 1, 1), FileRole.PHOTO) for name in sets[0])
    under_way = Explainer._under_way

    def begun_right_after(explainer: Explainer) -> set[str]:
        found = under_way(explainer)
        job = NewJob("inbox", ELM, "", draft[0].name, ELM, photos, Recipe())
        with studio.store() as store:
            store.create(job, "https://api.example", datetime.now(UTC))
        return found

    monkeypatch.setattr(Explainer, "_under_way", begun_right_after)
    waiting = look_at(settings, place).waiting
    assert [[photo.name for photo in one.photos] for one in waiting] == sets[1:]
