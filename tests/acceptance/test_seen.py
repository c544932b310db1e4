"""What `status` and STATUS.txt show of a run: what needs a person, what was paid, whether anything was paid
at all."""

from __future__ import annotations

from tests.support.pictures import bracket
from tests.support.studio import ELM, MakeStudio, Studio, files_into


def on_screen(studio: Studio, columns: int, *words: str) -> list[str]:
    shown = studio.say(*words, columns=columns)
    assert shown.exit_code == 0, shown.stderr
    return [line.rstrip() for line in shown.stdout.splitlines()]


def test_what_people_see_of_a_run(make_studio: MakeStudio) -> None:
    """Sets that need a person come first, with their id on one line; finished sets are one line for each
    project; amounts are shown, since prices are set; a job is named by project and room."""
    studio = make_studio(prices={"currency": "EUR", "merge": 0.8, "sky": 0.35})
    studio.drop(ELM, "kitchen__sky-blue", bracket(3))
    studio.drop(ELM, "bath__skyblu", bracket(2))
    assert studio.start("--until-idle").wait(150) == 1
    receipt = studio.receipt("kitchen__sky-blue")
    assert receipt["cost"] == "1.15 EUR"
    [failed] = [job["job"] for job in studio.status()["jobs"] if job["state"] == "failed"]
    for columns in (40, 80):
        lines = on_screen(studio, columns, "status")
        assert all(len(line) <= columns for line in lines)
        assert any(failed in line for line in lines)
        assert any(line.startswith("      ") for line in lines)  # the reason, on lines of its own
        text = " ".join(lines)
        assert text.index("Came back: 1") < text.index("Done: 1") < text.index(f"{ELM}: 1 set, the last")
        assert "Today: 2 paid calls, 1.15 EUR." in text
    assert on_screen(studio, 80, "logs", f"{ELM}/kitchen")[0].startswith(f"{ELM} / kitchen (job ")
    assert "kitchen" in on_screen(studio, 80, "logs", f"{ELM} / kitchen")[0]  # as `status` shows it
    assert "files are back" in on_screen(studio, 80, "retry", f"{ELM}/bath__skyblu")[0]


def test_with_the_stand_in_it_is_said_that_nothing_is_bought(make_studio: MakeStudio) -> None:
    """The terminal, STATUS.txt and `status` say so, and no receipt has a price."""
    studio = make_studio(prices={"merge": 0.8})
    studio.drop(ELM, "kitchen", bracket(2))
    run = studio.start("--sandbox")
    studio.wait_for_states("done", within_seconds=150)
    assert "SANDBOX: nothing is bought" in " ".join(on_screen(studio, 80, "status"))
    assert "SANDBOX: nothing is bought" in run.text()
    assert "SANDBOX: nothing is bought" in (studio.inbox / "STATUS.txt").read_text()
    assert "cost" not in studio.receipt("kitchen")
    assert run.stop() == 0


async def test_where_there_are_several_inboxes_each_set_is_shown_with_its_own(
    make_studio: MakeStudio,
) -> None:
    """Two inboxes have a project of the same name. With one inbox it isn't named."""
    studio = make_studio(inboxes=[{"path": "inbox"}, {"path": "ann"}])
    ann = studio.root / "ann" / ELM
    studio.drop(ELM, "bath__skyblu", bracket(2))
    await studio.until_idle()
    assert "inbox" not in " ".join(on_screen(studio, 80, "status"))
    for folder in ("bath__skyblu", "hall"):
        files_into(ann / folder, bracket(2))
    studio.drop(ELM, "kitchen", bracket(2))
    await studio.until_idle()
    text = " ".join(on_screen(studio, 80, "status"))
    assert f"{ELM} / bath__skyblu (inbox inbox) (" in text and f"{ELM} / bath__skyblu (inbox ann) (" in text
    assert f"{ELM} (inbox inbox): 1 set, the last" in text and f"{ELM} (inbox ann): 1 set, the last" in text
