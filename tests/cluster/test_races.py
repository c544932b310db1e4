"""What several machines do at the same moment."""

from __future__ import annotations

from collections.abc import Callable

from hotfolder.jobs.states import State
from tests.support.cluster import Cluster
from tests.support.pictures import bracket
from tests.support.studio import MERGE, SKY


def test_the_same_photos_in_the_inboxes_of_two_machines_are_bought_once(
    cluster: Callable[..., Cluster],
) -> None:
    shared = cluster(inboxes="ab", store={"lease_seconds": 5.0})
    one, two = shared.member("one"), shared.member("two")
    one.start()
    two.start()
    shared.wait_until(lambda _: sorted(map(str, shared.owners().values())) == ["one", "two"])
    slow = {"fault": "hang", "seconds": 2, "processed": True}
    shared.shop.goes_wrong({"endpoint": "enhance", **slow}, {"endpoint": "sky", **slow})
    photos = bracket()
    for inbox in "ab":
        shared.drop(inbox, "12 Elm", f"room-{inbox}__sky-twilight", photos)
    shared.wait_until(lambda store: store.counts() == {State.DONE: 2})
    assert (shared.shop.bought(MERGE), shared.shop.bought(SKY)) == (1, 1)
    assert not any('"exception"' in member.text() for member in (one, two))
