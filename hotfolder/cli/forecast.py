"""How much of what `hotfolder explain` foresees is paid for already."""

from __future__ import annotations

from hotfolder.config.settings import Settings
from hotfolder.jobs.chain import bought, read_chain
from hotfolder.jobs.database import read_store
from hotfolder.jobs.keys import scope_key
from hotfolder.jobs.ledger import Ledger
from hotfolder.jobs.store import Store
from hotfolder.rules.explain import Explanation


def forecast(settings: Settings, found: Explanation, photos: list[str]) -> int:
    """How many of the calls are bought already, at the configured API."""
    database = read_store(settings.state_folder)
    if database is None:
        return 0
    try:
        origin = settings.api.base_url
        generation = Store(database).generation(scope_key(origin, photos))
        links = read_chain(Ledger(database), origin, photos, found.plan.recipe, generation)
        return 0 if found.plan.again else len(bought(links))
    finally:
        database.dispose()
