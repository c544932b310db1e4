"""Sets that can't be made: moved to failed/ with a reason, and dropped again."""

from __future__ import annotations

from tests.support.audit import Audit, Originals
from tests.support.pictures import bracket, jpeg
from tests.support.studio import ELM, MakeStudio, Shop, Studio, files_below

AHEAD = {"/api/projects", "/api/hdr-image-group", "/api/hdr-upload-url", "/stager-uploads/{name}"}
"""Free requests that are sent while a set still arrives."""


def test_bad_sets_go_to_failed_with_a_reason_each_and_the_exit_code_says_so(
    shop: Shop, make_studio: MakeStudio
) -> None:
    studio = make_studio(settle={"give_up_seconds": 1.5})
    whole = jpeg()
    bad = {
        "kitchen__sky-twilihgt": (bracket(), 'unknown tag "sky-twilihgt"'),
        "front__lawn-huge": (bracket(), "lawn-strong"),
        "hall": (bracket(8), "8 photos"),
        "bath": ({**bracket(2), "DSC0003.jpg": whole[:-900]}, "DSC0003.jpg"),
        "den": ({**bracket(2), "DSC0003.jpg": whole[:4000].ljust(len(whole), b"\0")}, "DSC0003.jpg"),
        "attic": ({"DSC0001.webp": b"not a picture"}, "export"),
    }
    originals = Originals()
    for folder, (files, _) in bad.items():
        originals.take(ELM, folder, files)
        (studio.drop(ELM, folder, files) / ".DS_Store").touch()
    assert studio.start("--until-idle").wait() == 1
    for folder, (files, words) in bad.items():
        found = files_below(studio.failed / ELM / folder)
        reason = " ".join(found.pop("REASON.txt").decode().split())
        assert found == files
        assert words.casefold() in reason.casefold()
        assert "Nothing was charged." in reason
        assert 'Do what is said under "What to do" first' in reason
        assert not (studio.inbox / ELM / folder).exists()
    assert studio.states() == ["failed"] * len(bad)
    page = (studio.inbox / "STATUS.txt").read_text()
    assert all(f"{ELM} / {folder}: failed" in page for folder in bad) and "sky-twilihgt" in page
    assert Audit(studio, shop.charged()).faults(originals, bound=0) == []
    assert {entry.route for entry in shop.page()} <= AHEAD


async def test_in_german_the_pages_are_german_and_what_is_stored_stays_english(
    make_studio: MakeStudio,
) -> None:
    """Programs compare the English texts, and the language may be changed later."""
    studio = make_studio(language="de")
    studio.drop(ELM, "kitchen__sky-twilihgt", bracket())
    await studio.drop_and_run(ELM, "hall", bracket(8))
    reasons = {job["room"]: (job["reason"], job["hint"]) for job in studio.status()["jobs"]}
    assert reasons["kitchen__sky-twilihgt"] == (
        'Unknown tag "sky-twilihgt" in the folder name "kitchen__sky-twilihgt"; did you mean "sky-twilight"?',
        'Rename it to "kitchen__sky-twilight", then drag it back.',
    )
    page = (studio.failed / ELM / "kitchen__sky-twilihgt" / "REASON.txt").read_text()
    told = " ".join(page.split())
    assert "kitchen__sky-twilihgt: Dieses Set konnte nicht fertig werden" in told
    assert "Ordner: kitchen__sky-twilihgt" in told and "Berechnet wurde nichts." in told
    assert "Unbekanntes Tag „sky-twilihgt“ im Ordnernamen „kitchen__sky-twilihgt“; gemeint war" in told
    assert "In „kitchen__sky-twilight“ umbenennen" in told and "Diese Tags gibt es" in told
    status = studio.status_page()
    assert status.startswith("Was hotfolder mit diesem Ordner macht") and "hotfolder steht seit dem" in status
    assert "hall: gescheitert Der Ordner enthält 8 Fotos, und höchstens 7 können ein Bild werden." in status


async def test_a_status_page_changes_its_language_and_stays_ours(make_studio: MakeStudio) -> None:
    studio = make_studio()
    await studio.until_idle()
    assert (studio.inbox / "STATUS.txt").read_text().startswith("What hotfolder is doing")
    studio = make_studio(language="de")
    await studio.until_idle()
    assert (studio.inbox / "STATUS.txt").read_text().startswith("Was hotfolder")
    assert not list(studio.inbox.glob("STATUS (yours)*"))


async def test_a_set_that_is_dragged_back_rightly_named_is_made_and_its_failure_forgotten(
    shop: Shop, studio: Studio
) -> None:
    photos = bracket()
    await studio.drop_and_run(ELM, "kitchen__sky-twilihgt", photos)
    [job] = studio.status()["jobs"]
    told = 'Rename it to "kitchen__sky-twilight", then drag it back.'
    assert (job["room"], job["hint"]) == ("kitchen__sky-twilihgt", told)
    page = (studio.failed / ELM / "kitchen__sky-twilihgt" / "REASON.txt").read_text()
    assert told in " ".join(page.split()) and page.count("lawn-medium") == 1 and "lawn" not in job["reason"]
    (studio.failed / ELM / "kitchen__sky-twilihgt").rename(studio.inbox / ELM / "kitchen__sky-twilight")
    await studio.until_idle()
    assert studio.states() == ["done"]
    assert studio.filed("kitchen__sky-twilight") == photos  # without the REASON.txt that came along
    assert shop.bought() == 2


async def test_retry_puts_a_failed_set_back_and_says_no_to_what_has_not_failed(
    shop: Shop, studio: Studio
) -> None:
    studio.drop(ELM, "kitchen__mine", bracket())
    assert (await studio.until_idle()).needing_person == 1
    job = studio.status()["jobs"][0]["job"]
    with studio.config.open("a") as stream:
        stream.write("tags:\n  mine: [sky: {skyType: blue}]\n")
    retried = studio.say("retry", job)
    assert retried.exit_code == 0, retried.stderr
    await studio.until_idle()
    done = studio.status()["jobs"]
    assert [one["state"] for one in done] == ["done"]
    assert shop.bought() == 2
    refused = studio.say("retry", done[0]["job"])
    assert refused.exit_code == 2
    assert "can't be tried again: it is done" in refused.stderr
