"""The commands that only read: output and exit codes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image
from typer.models import CommandInfo
from typer.testing import CliRunner, Result

from hotfolder import __version__
from hotfolder.cli.app import app
from hotfolder.cli.demo import why_not_made
from hotfolder.cli.explain import shoot_lines
from hotfolder.config.load import load
from hotfolder.config.settings import InboxSettings
from hotfolder.control.explain import Explained, Explainer
from hotfolder.control.lookup import PhotoPlace
from hotfolder.daemon.folders import lock_state
from hotfolder.errors import LocalTrouble
from hotfolder.jobs.database import open_store
from hotfolder.jobs.store import Store
from hotfolder.telemetry.overview import Line
from tests.support import rolls
from tests.support.pictures import bracket
from tests.support.studio import ELM, MakeStudio, files_below, files_into


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HOTFOLDER_CONFIG", "STAGER_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "config.yaml"
    path.write_text("root: .\nroutes:\n  - {name: outside, match: {room: front*}, operations: [sky-blue]}\n")
    return path


def invoke(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def drop(folder: Path, number: int) -> Path:
    folder.mkdir(parents=True)
    for index in range(number):
        Image.new("RGB", (64, 48), (40 * index, 60, 90)).save(folder / f"{index + 1}.jpg")
    return folder


def test_version_is_the_packages() -> None:
    assert invoke("--version").output == f"hotfolder {__version__}\n"


def test_check_names_the_folders(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGER_API_KEY", "any-key")
    result = invoke("check", "--config", config)
    assert result.exit_code == 0
    assert str(config.parent / "inbox") in result.output and "1 route, 0 own tags" in result.output
    config.write_text(
        "root: .\ntags: {a: [sky-blue]}\n"
        "inboxes: [{path: anna, tags: {b: [sky-blue]}}, {path: ben, routes: [{name: all}]}]\n"
    )
    assert "1 route, 2 own tags" in invoke("check", "--config", config).output


def test_check_fails_where_run_would_not_start(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing key and a missing `notify` extra are reported, and "fine" is not printed."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    config.write_text("root: .\nnotify: {urls: ['json://localhost']}\n")
    result = invoke("check", "--config", config)
    assert result.exit_code == 2 and "fine" not in result.output
    assert "There is no API key" in result.stderr and "is not installed. Install it" in result.stderr
    assert f"{sys.prefix}/bin/pip install '.[notify]'" in result.stderr
    assert invoke("notify", "--config", config).exit_code == 2
    run = invoke("run", "--config", config)
    assert run.exit_code == 2 and "STAGER_API_KEY" in run.stderr
    assert not (config.parent / "state").exists()


def test_wrong_addresses_of_messages_are_all_told_with_their_place(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unshown, and alike by every command that meets them."""
    monkeypatch.setenv("STAGER_API_KEY", "any-key")
    beside = config.parent / "addresses"
    beside.write_text("# secret\njson://localhost\n\nhunter2\n")
    config.write_text(
        "root: .\nnotify:\n  url_file: addresses\n  urls:\n    - nonsense://hunter2\n    - json://localhost\n"
    )
    for command in (["check"], ["notify"], ["run", "--until-idle"], ["doctor"]):
        told = invoke(*command, "--config", config).output
        assert f"{config}:5:7: notify.urls: address 1 is not one that apprise understands\n" in told
        assert f"{beside}:4:1: notify.url_file: address 4 is not one" in told
        assert "hunter2" not in told and told.count("apprise understands") == 2
    monkeypatch.setenv("HOTFOLDER_NOTIFY__URLS", "hunter2")
    assert "HOTFOLDER_NOTIFY__URLS: notify.urls: address 1 is" in invoke("check", "--config", config).stderr


def test_check_warns_of_a_state_that_photographers_can_delete(
    config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The default state folder is below the photographers' one, and stays: a moved one would hide what was
    paid for."""
    monkeypatch.setenv("STAGER_API_KEY", "any-key")
    result = invoke("check", "--config", config)
    assert result.exit_code == 0
    assert f"{config.parent / 'state'}, which knows what was paid for" in result.stdout
    config.write_text(f"root: .\nstate: {tmp_path_factory.mktemp('own')}\n")
    assert "Warning" not in invoke("check", "--config", config).stdout


@pytest.mark.parametrize("state", ["a_file", "a_link_to_itself", "s" * 300])
def test_a_state_that_can_not_be_reached_is_told_by_every_command(
    config: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setenv("STAGER_API_KEY", "any-key")
    if state == "a_file":
        (config.parent / state).touch()
    elif state == "a_link_to_itself":
        (config.parent / state).symlink_to(state)
    config.write_text(f"root: .\nstate: {state}\napi:\n  base_url: http://127.0.0.1:9\n")
    for command, code in (("check", 0), ("doctor", 1), ("status", 3 if "ss" in state else 0)):
        told = invoke(command, "--config", config)
        assert told.exit_code == code and state in told.output.replace("\n", ""), command
        assert command != "doctor" or f"problem state: {config.parent / state}" in told.output
    assert ("file name too long" in invoke("pause", "--config", config).stderr) == ("ss" in state)


def test_check_prints_every_problem_and_exits_with_2(config: Path) -> None:
    """All problems are printed at once on standard error, each with its line."""
    config.write_text("root: .\ninbx: a\nsettle: {quiet_second: 3}\n")
    result = invoke("check", "--config", config)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert f"{config}:2:1" in result.stderr and f"{config}:3:10" in result.stderr


def test_check_prints_a_schema_without_a_configuration(tmp_path: Path) -> None:
    result = invoke("check", "--schema", "--config", tmp_path / "none.yaml")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["properties"]["settle"]


def test_explain_tells_route_photos_and_paid_calls_and_touches_nothing(config: Path) -> None:
    folder = drop(config.parent / "inbox" / "12 Elm Road" / "front__lawn-light", 3)
    before = files_below(config.parent)
    result = invoke("explain", folder, "--config", config)
    assert result.exit_code == 0
    assert 'route "outside"' in result.output
    assert result.output.index("1. 1.jpg") < result.output.index("3. 3.jpg")
    assert "of which 3 paid" in result.output
    assert files_below(config.parent) == before


def test_explain_as_json_lists_the_exact_calls(config: Path) -> None:
    folder = drop(config.parent / "inbox" / "12 Elm Road" / "kitchen__sky-twilight-dramatic", 2)
    told = json.loads(invoke("explain", folder, "--config", config, "--json").output)
    paid = [call for call in told["calls"] if call["paid"]]
    assert [call["path"].rpartition("/")[2] for call in paid] == ["hdr-enhance", "sky-replace"]
    assert paid[1]["body"]["skySubType"] == "dramatic"
    assert told["paid_calls"] == 2 and told["remembered_calls"] == 0


def test_explain_of_a_project_tells_each_of_its_sets_and_counts_nothing_for_what_is_refused(
    config: Path,
) -> None:
    """A refused set makes the exit code 1, has no price and is no part of the sum."""
    project = config.parent / "inbox" / "12 Elm Road"
    drop(project / "kitchen", 2)
    drop(project / "hall__skyblu", 2)
    loft = files_into(project / "loft", {"IMG_1.WEBP": b"RIFF\0\0\0\0WEBP" + bytes(500)})
    result = invoke("explain", project, "--config", config)
    told = result.output.splitlines()
    assert result.exit_code == 1
    assert "12 Elm Road / kitchen: 2 photos" in result.output and 'did you mean "sky-blue"' in result.output
    assert "REFUSED" in told[told.index("12 Elm Road / loft") + 1]
    assert told[-2] == "Together: 1 set, 2 photos, 1 paid call."
    assert "To pay" not in invoke("explain", loft, "--config", config).output


def test_explain_of_a_project_names_what_is_not_looked_into(config: Path) -> None:
    project = config.parent / "inbox" / "12 Elm Road"
    for room in ("kitchen", "@bath", ".x"):
        drop(project / room, 1)
    told = " ".join(invoke("explain", project, "--config", config).output.split())
    assert "'@bath' in '12 Elm Road' holds photos and is left alone" in told and "'.x' in" in told
    shutil.rmtree(project / "kitchen")
    alone = invoke("explain", project / "@bath", "--config", config)
    assert alone.exit_code == 2 and "'@bath' in '12 Elm Road'" in " ".join(alone.output.split())


def test_explain_says_of_photos_that_lie_too_deep_that_they_stay(config: Path) -> None:
    """A folder for a town with the project inside holds no rooms."""
    town = config.parent / "inbox" / "Springfield"
    drop(town / "12 Elm Road" / "kitchen", 3)
    for path in (town, town / "12 Elm Road", town / "12 Elm Road" / "kitchen"):
        result = invoke("explain", path, "--config", config)
        assert result.exit_code == 2 and "Nothing in" in result.output
        assert "3 photos lie in 'kitchen' inside the room '12 Elm Road'" in " ".join(result.output.split())


def test_explain_of_an_inbox_tells_each_set_of_each_project(config: Path) -> None:
    inbox = config.parent / "inbox"
    drop(inbox / "12 Elm Road" / "kitchen", 1)
    drop(inbox / "3 Oak Lane" / "front", 2)
    result = invoke("explain", inbox, "--config", config)
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "12 Elm Road / kitchen: 1 photo (1.jpg), merge; 1 paid call",
        '3 Oak Lane / front: 2 photos (1.jpg to 2.jpg), merge + sky-blue, by route "outside"; 2 paid calls',
        "",
        "Together: 2 sets, 3 photos, 3 paid calls.",
        "Add --calls to see every call, or name one room's folder.",
    ]
    assert "PUT <signed upload address>" in invoke("explain", inbox, "--config", config, "--calls").output


def test_explain_says_what_a_budget_and_the_hours_hold_up(config: Path) -> None:
    """Outside of the hours nothing is sent; a set that needs more paid calls than its budget ends halfway."""
    later = datetime.now().astimezone() + timedelta(hours=3)
    hours = f"{later:%H}:00-{later:%H}:30"
    with config.open("a") as file:
        file.write(f"limits: {{paid_calls_per_job: 1}}\nschedule: {{active: ['{hours}']}}\n")
    project = config.parent / "inbox" / ELM
    drop(project / "front", 2)
    drop(project / "kitchen", 1)
    waits = "WAITS after 1 paid call of 2, with nothing delivered: limits.paid_calls_per_job allows no more."
    for path in (project, project / "front"):
        told = invoke("explain", path, "--config", config).output
        assert told.count(waits) == 1
        assert f"schedule.active nothing is sent just now; it waits until {later:%H}:00." in told
    assert "WAITS" not in invoke("explain", project / "kitchen", "--config", config).output


def test_letters_that_the_terminal_lacks_are_escaped(config: Path) -> None:
    drop(config.parent / "inbox" / "Straße 日本" / "hall", 1)
    words = ["-m", "hotfolder", "explain", str(config.parent / "inbox"), "--config", str(config)]
    latin = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    said = subprocess.run([sys.executable, *words], env=latin, capture_output=True, check=True)
    assert r"/Straße \u65e5\u672c/hall" in said.stdout.decode("latin-1")


def test_explain_of_an_inbox_leaves_out_what_is_taken_meanwhile(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon takes the photos of a set that is done while its folder is still to be looked at."""
    inbox, explained = config.parent / "inbox", Explainer.explained
    kitchen, taken = drop(inbox / ELM / "kitchen", 1), drop(inbox / ELM / "loft", 1) / "1.jpg"

    def taken_after(explainer: Explainer) -> Explained:
        taken.unlink(missing_ok=True)
        return explained(explainer)

    monkeypatch.setattr(Explainer, "explained", taken_after)
    result = invoke("explain", inbox, "--config", config)
    assert (result.exit_code, "loft" in result.output) == (0, False)
    assert result.output.startswith(str(kitchen))


def test_explain_says_of_photos_that_change_meanwhile_that_they_do(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As while an export replaces them: one is being written, one is taken away. Of one that is at rest and
    incomplete it is said that it is."""
    folder, read = drop(config.parent / "inbox" / ELM / "front", 3), Explainer.explained
    (folder / "3.jpg").write_bytes((folder / "3.jpg").read_bytes()[:-100])

    def read_amid(explainer: Explainer) -> Explained:
        (folder / "1.jpg").write_bytes((folder / "1.jpg").read_bytes()[:-100])
        (folder / "2.jpg").unlink()
        return read(explainer)

    monkeypatch.setattr(Explainer, "explained", read_amid)
    told = invoke("explain", folder, "--config", config).output
    for name in ("1.jpg", "2.jpg"):
        assert f"{name} was changed, replaced or removed while it was read. Ask again" in told
    assert "3.jpg is not complete" in told


async def test_explain_says_what_is_still_to_pay_and_what_that_costs(
    make_studio: MakeStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Amounts are shown where the settings have prices for all calls; results bought before cost nothing."""
    monkeypatch.delenv("HOTFOLDER_CONFIG", raising=False)
    studio = make_studio(prices={"currency": "EUR", "merge": 0.8, "sky": 0.35})
    front = bracket(3)
    await studio.drop_and_run("14 Elm Road", "front", front)
    studio.drop("12 Elm Road", "kitchen", bracket(2))
    project = studio.drop("12 Elm Road", "front__sky-blue", front).parent
    said = invoke("explain", project, "--config", studio.config).output
    assert "Together: 2 sets, 5 photos, 2 paid calls, 1.15 EUR (1 more paid already)." in said
    front_told = "3 photos (DSC0001.jpg to DSC0003.jpg), merge + sky-blue; 1 paid call, 0.35 EUR"
    assert f"front__sky-blue: {front_told} (1 more paid already)" in said
    studio.edit(prices={"currency": "EUR", "merge": 0.8})
    said = invoke("explain", project, "--config", studio.config).output
    assert "2 paid calls (1 more paid already)." in said and "1 paid call, 0.80 EUR" in said


@pytest.mark.parametrize("where", ["nowhere", "."])
def test_explain_says_when_there_are_no_photos(config: Path, where: str) -> None:
    result = invoke("explain", config.parent / where, "--config", config)
    assert result.exit_code == 2
    assert "no photos" in result.stderr or "not a folder" in result.stderr


def test_status_before_the_first_start(config: Path) -> None:
    told = json.loads(invoke("status", "--config", config, "--json").output)
    assert told["jobs"] == [] and told["daemon"] == {"running": False, "pid": None}
    assert told["state_folder"] == str(config.parent / "state")
    said = "".join(invoke("status", "--config", config).output.split())
    assert "notrunning" in said and f"thestatefolder{config.parent / 'state'}.Wherehotfolderruns" in said
    assert not (config.parent / "state").exists()


@pytest.mark.parametrize(
    ("broken", "where"),
    [
        ("state: state\nroutes: [{name: x, operations: [sky-twilght]}]", ":3:33"),
        ("routes: [{name: x, operations: [sky-twilght]}]", ":2:33"),
        ("state: state\ninbox: [", ":4:1"),
    ],
)
def test_status_shows_the_work_while_the_settings_have_an_error(
    config: Path, broken: str, where: str
) -> None:
    """The daemon keeps working by the previous settings, so its jobs are shown, with the error and its
    place."""
    state = config.parent / "state"
    state.mkdir()
    database = open_store(state)
    Store(database).pause("by hand")
    database.dispose()
    config.write_text(f"root: .\n{broken}\n")
    told = invoke("status", "--config", config, "--json")
    assert told.exit_code == 0, told.stderr
    assert f"{config}{where}" in json.loads(told.output)["settings"]["error"]
    said = invoke("status", "--config", config).output
    assert "just now: by hand" in said and "nothing starts with them" in said
    assert "abc" in invoke("logs", "abc", "--config", config).stderr


@pytest.mark.parametrize(
    "text", ["root: .\ninbox: [\nstate: state\n", "root: .\nstate: elsewhere\ninbox: [\n"]
)
def test_status_does_not_guess_where_the_state_is(config: Path, text: str) -> None:
    """Where the file doesn't name the state folder before its error, or the folder is empty, only the error
    is printed."""
    config.write_text(text)
    result = invoke("status", "--config", config)
    assert result.exit_code == 2 and "never closed" in result.stderr and not result.stdout


def test_what_has_not_begun_is_told_in_whole_sentences(config: Path) -> None:
    """A project that still arrives can be given a priority, and can't be cancelled."""
    state = config.parent / "state"
    state.mkdir()
    open_store(state).dispose()
    drop(config.parent / "inbox" / "12 Elm Road" / "kitchen", 2)
    first = invoke("priority", "12 Elm Road", "high", "--config", config)
    assert first.exit_code == 0
    assert "Every set of 12 Elm Road that is still to come gets high priority." in first.output
    for words, answer in (
        (("cancel", "12 Elm Road"), "Nothing of 12 Elm Road is under way that could be cancelled."),
        (("cancel", "12 Elm Road/kitchen"), "kitchen is still arriving, and nothing of it has begun."),
        (("retry", "abc"), "There is no job abc.\nGive its id, or PROJECT/ROOM, as `hotfolder status`"),
        (("priority", "12 Elm Road/kitchen", "low"), "12 Elm Road/kitchen is still arriving"),
        (("cancel", "14 Elm Road"), "Nothing is known of 14 Elm Road."),
        (("approve", "14 Elm Road"), 'There is no folder of a project or room "14 Elm Road" in'),
    ):
        refused = invoke(*words, "--config", config)
        assert refused.exit_code == 2 and answer in refused.stderr, refused.stderr


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("status --config nowhere.yaml", "Name it with --config, or in HOTFOLDER_CONFIG; `hotfolder init`"),
        ("doctor --config nowhere.yaml", "Name it with --config, or in HOTFOLDER_CONFIG; `hotfolder init`"),
        ("pause", "Start it with `hotfolder run`, or name the file with which it runs"),
        ("store migrate --to sqlite:///x", "--to is for a shared database\nName an empty database, like"),
    ],
)
def test_who_begins_is_told_what_to_do(words: str, advice: str, config: Path) -> None:
    settings: list[str | Path] = [] if "--config" in words else ["--config", config]
    assert advice in invoke(*words.split(), *settings).output


@pytest.mark.parametrize(
    "typed", ["caf\udce9", "x" * 300, "12 Elm Road/" + "x" * 300], ids=["not UTF-8", "long", "long room"]
)
@pytest.mark.parametrize(
    "command",
    ["explain", "logs", "retry", "cancel", "approve", "priority", "cancel 12 --by", "cancel 12 --inbox"],
)
def test_a_name_that_no_folder_can_have_is_refused(command: str, typed: str, config: Path) -> None:
    (config.parent / "state").mkdir()
    open_store(config.parent / "state").dispose()
    level = ["high"] if command == "priority" else []
    refused = invoke(*command.split(), typed, *level, "--config", config)
    assert refused.exit_code == 2
    assert "not text in UTF-8" in refused.stderr or "at most 255 bytes" in refused.stderr


@pytest.mark.parametrize("command", [*app.registered_commands], ids=lambda command: command.callback.__name__)
def test_the_help_of_a_command_begins_with_a_sentence_that_fits(command: CommandInfo) -> None:
    """No sentence is cut at 80 columns in the list of commands, and each command is in a group."""
    assert command.callback is not None and command.rich_help_panel
    sentence = (command.callback.__doc__ or "").partition("\n")[0]
    assert sentence.endswith(".") and len(sentence) <= 80 - len("│ install-service   │")
    assert sentence in CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"}).output


def test_a_command_that_meets_a_full_disk_says_so(config: Path, small_files: Callable[[int], None]) -> None:
    """One sentence and the exit code of a bad world, also where the daemon's lock can't be written."""
    open_store(config.parent / "state").dispose()
    small_files(0)
    result = invoke("pause", "--config", config)
    assert result.exit_code == 3 and "the job store can't be written" in result.stderr
    with pytest.raises(LocalTrouble, match="larger than the disk"):
        lock_state(config.parent / "state")


def test_demo_takes_a_tag_for_photos_of_ones_own_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example brackets have tags of their own: another one would be ignored silently."""
    monkeypatch.chdir(tmp_path)
    result = invoke("demo", "--tag", "sky-blue")
    assert result.exit_code == 2 and "--photos" in result.stderr and not list(tmp_path.iterdir())


@pytest.mark.parametrize("reason", ["its name doesn't say.", "its name doesn't say"])
def test_the_contact_sheet_says_why_in_one_sentence(reason: str) -> None:
    """The reason may be a sentence of ours or an error's text."""
    line = Line("job", "inbox", ELM, "kitchen", "kitchen", "failed", reason)
    assert why_not_made(line) == "Not made: its name doesn't say."


def test_help_comes_without_loading_the_daemon() -> None:
    """`--help` imports nothing that only a running daemon needs."""
    code = (
        "import sys; from hotfolder.cli.app import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = ('httpx', 'sqlmodel', 'watchdog', 'PIL', 'pydantic')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[]"


@pytest.fixture
def shoot(config: Path) -> Path:
    """Two rooms' brackets directly in a project's folder."""
    return files_into(config.parent / "inbox" / ELM, rolls.shoot(rooms=2)[0])


def test_explain_shows_a_shoots_sets_with_evidence_and_cost(config: Path, shoot: Path) -> None:
    """Every paid call is listed beforehand, room by room; rooms in folders are listed as well."""
    drop(shoot / "front__lawn-light", 3)
    before = files_below(config.parent)
    result = invoke("explain", shoot, "--config", config)
    assert result.exit_code == 0
    assert "3 sets, 13 photos, 5 paid calls" in result.output and "It starts by itself" in result.output
    assert "12 Elm Road-01: 5 photos" in result.output and "evidence: " in result.output
    assert 'route "outside"' in result.output and len(result.output.splitlines()) < 10
    assert files_below(config.parent) == before


def test_explain_says_that_all_photos_of_a_shoot_are_under_way(config: Path) -> None:
    place = PhotoPlace(InboxSettings(path="inbox"), config.parent, ELM, "")
    told = shoot_lines(Explained(place, several=True, earlier=35), load(config, {}), calls=None)
    assert list(told)[1:] == ["  Left aside: 35 photos of sets under way or kept out before"]


def test_explain_tells_programs_of_a_shoot(config: Path, shoot: Path) -> None:
    config.write_text("root: .\nroutes: [{name: all, group: review, name_sets: first_file}]\n")
    told = json.loads(invoke("explain", shoot, "--config", config, "--json").output)
    assert [one["room"] for one in told["sets"]] == ["IMG_0001", "IMG_0006"]
    assert (told["paid_calls"], told["problems"]) == (2, [])
    assert "asks for a review" in told["held"]


@pytest.mark.parametrize("by_path", [False, True])
def test_approve_makes_the_ready_file_and_says_so(config: Path, shoot: Path, by_path: bool) -> None:
    room = drop(shoot.parent / "14 Elm Road" / "kitchen", 3)
    for folder, name, photos in ((shoot, shoot.name, "10 photos"), (room, "14 Elm Road/kitchen", "3 photos")):
        result = invoke("approve", folder if by_path else name, "--config", config)
        assert result.exit_code == 0
        assert (folder / ".ready").is_file() and photos in result.output


def test_approve_refuses_what_is_no_shoot(config: Path, shoot: Path) -> None:
    """A project without photos of its own and an unknown name get different messages."""
    room = drop(shoot.parent / "14 Elm Road" / "kitchen", 3)
    (room.parent / "made already").mkdir()
    drop(room.parent / "#recycle", 3)
    for wrong in (room.parent, "16 Elm Road"):
        result = invoke("approve", wrong, "--config", config)
        assert result.exit_code == 2 and str(getattr(wrong, "name", wrong)) in result.stderr
        assert "There is no folder" in result.stderr or 'photos in "14 Elm Road/kitchen".' in result.stderr
    assert not list(shoot.parent.rglob(".ready"))


@pytest.mark.parametrize(
    ("words", "unbuffered"),
    [(["--help"], "1"), (["--version"], ""), (["status"], "1"), (["status", "--json"], "")],
)
def test_what_can_t_be_written_is_said_in_a_line(config: Path, words: list[str], unbuffered: str) -> None:
    """With a full disk behind `>` there is no traceback and no exit code 0."""
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "hotfolder", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "HOTFOLDER_CONFIG": str(config), "PYTHONUNBUFFERED": unbuffered},
        )
    told = "What is printed can't be written: No space left on device.\n"
    assert (ended.returncode, ended.stderr) == (1, told)
