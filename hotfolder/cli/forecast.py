"""How much of what `hotfolder explain` foresees is paid for already."""

from __future__ import annotations

from hotfolder.config.settings import Settings
from hotfolder.jobs.database import read_store
from hotfolder.jobs.ledger import Ledger, bought, read_chain
from hotfolder.jobs.model import scope_key
from hotfolder.jobs.store import Store
from hotfolder.rules.explain import Explanation


def forecast(settings: Settings, found: Explanation, photos: list[str]) -> tuple[str, ...]:
    """What is bought already, at the configured API: merge, sky, lawn or stage, once for each call."""
    database = read_store(settings.state_folder)
    if database is None:
        return ()
    try:
        origin = settings.api.base_url
        generation = Store(database).generation(scope_key(origin, photos))
        links = read_chain(Ledger(database), origin, photos, found.plan.recipe, generation)
        return () if found.plan.again else tuple(link.purchase.operation for link in bought(links))
    finally:
        database.dispose()
