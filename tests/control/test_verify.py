"""What `verify` says of a finished set whose files or records have changed."""

from __future__ import annotations

from sqlmodel import col, delete, select

from hotfolder.jobs.model import Purchase, Result
from tests.support.pictures import bracket, jpeg
from tests.support.studio import ELM, MakeStudio, Studio, files_into


async def test_whatever_has_changed_or_is_gone_is_named(studio: Studio) -> None:
    for room in ("bath", "hall", "kitchen"):
        studio.drop(ELM, room, bracket(1))
    await studio.until_idle()
    originals = studio.done / ELM / "originals"
    [changed] = (originals / "bath").iterdir()
    [gone] = (originals / "hall").iterdir()
    result = studio.kept_results()[0]
    changed.write_bytes(b"changed")
    gone.unlink()
    result.write_bytes(b"damaged")
    (studio.done / ELM / "bath.jpg").unlink()
    (studio.done / ELM / "hall.jpg").write_bytes(b"edited")
    with studio.store() as store, store.session.begin() as session:
        session.exec(delete(Result).where(col(Result.file) != result.name))
        session.exec(delete(Purchase).where(col(Purchase.id).not_in(select(Result.purchase_id))))
    said = studio.say("verify", columns=500)
    assert said.exit_code != 0
    for words in (
        f"the original {changed} has changed",
        f"the original {gone.name} is not where it was put",
        f"the bought result {result} is damaged",
        f"the picture {studio.done / ELM / 'bath.jpg'} is not where it was put",
        f"the picture {studio.done / ELM / 'hall.jpg'} has changed",
        "a paid call (merge) is missing in the database",
    ):
        assert words in said.output, words


async def test_a_picture_that_has_the_name_of_one_that_was_deleted_is_right(studio: Studio) -> None:
    await studio.drop_and_run(ELM, "hall", bracket())
    (picture := studio.done / ELM / "hall.jpg").unlink()
    await studio.drop_and_run(ELM, "hall", {name: jpeg(size=(80, 60)) for name in bracket()})
    assert studio.say("verify").exit_code == 0
    picture.write_bytes(b"edited")
    assert "2 disagreements" in studio.say("verify").output


async def test_originals_that_a_person_dragged_back_for_another_tag_are_right_where_they_are_now(
    studio: Studio,
) -> None:
    await studio.drop_and_run(ELM, "hall", {**bracket(), "notes.txt": b"for the agent"})
    (studio.done / ELM / "originals" / "hall").rename(studio.inbox / ELM / "hall__sky-blue")
    await studio.until_idle()
    assert studio.states() == ["done", "done"] and studio.say("verify").exit_code == 0
    for photo in (studio.done / ELM / "originals" / "hall__sky-blue").glob("*.jpg"):
        photo.unlink()
    assert "6 disagreements" in studio.say("verify").output


async def test_a_set_on_its_way_whose_inbox_is_gone_from_the_settings_is_named_beside_the_others(
    make_studio: MakeStudio,
) -> None:
    studio = make_studio(inboxes=[{"path": "first"}, {"path": "second"}], limits={"paid_calls_per_day": 1})
    for inbox, room in zip(studio.inboxes, ("bath", "hall"), strict=True):
        files_into(inbox / ELM / room, bracket())
        await studio.until_idle()
    studio.edit(inboxes=[{"path": "first"}])
    (studio.done / ELM / "bath.jpg").unlink()
    said = studio.say("verify", columns=500)
    assert "its inbox second is not in the settings any more" in said.output
    assert f"the picture {studio.done / ELM / 'bath.jpg'} is not where it was put" in said.output
    assert (said.exit_code, "2 disagreements" in said.output) == (1, True)
