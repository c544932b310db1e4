"""`hotfolder doctor` as a whole, against the sandbox over HTTP."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import make_url
from typer.testing import CliRunner

from hotfolder.cli.app import app
from hotfolder.control import local
from hotfolder.outbox.outputs import RESULTS_MARKER
from tests.support.pictures import bracket
from tests.support.postgres import Postgres
from tests.support.studio import MakeStudio, Shop, Studio, files_below

KEY = "sk_live_0123456789-never-shown"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOTFOLDER_CONFIG", raising=False)
    monkeypatch.setenv("STAGER_API_KEY", KEY)


def ask(config: Path) -> tuple[int, dict[str, list[dict[str, str]]]]:
    """The exit code, and the findings by subject."""
    result = CliRunner().invoke(app, ["doctor", "--config", str(config), "--json"])
    assert KEY not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    told = json.loads(result.stdout)
    assert told["ok"] == (result.exit_code == 0)
    found: dict[str, list[dict[str, str]]] = {}
    for one in told["findings"]:
        found.setdefault(one["what"], []).append(one)
    return result.exit_code, found


def test_all_is_well_with_a_healthy_studio_and_nothing_is_made(studio: Studio, shop: Shop) -> None:
    before = files_below(studio.root)
    code, found = ask(studio.config)
    assert code == 0
    assert "it accepts the key" in found["API"][0]["text"] and found["clock"][0]["verdict"] == "ok"
    assert "30 characters from STAGER_API_KEY" in found["key"][0]["text"]
    assert found["storage"][0]["verdict"] == "ok" and shop.bought() == 0
    assert files_below(studio.root) == before and not studio.inbox.exists()


def test_a_root_among_temporary_files_is_warned_of(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "TEMPORARY", ())
    assert "root" not in ask(studio.config)[1]
    monkeypatch.setattr(local, "TEMPORARY", (studio.root.parent,))
    code, found = ask(studio.config)
    assert (code, [one["verdict"] for one in found["root"]]) == (0, ["warning"])
    assert f"{studio.root} lies in {studio.root.parent}, which systems clear" in found["root"][0]["text"]


def test_a_state_among_temporary_files_is_warned_of_by_its_own_name(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    state = tmp_path / "elsewhere" / "state"
    monkeypatch.setenv("HOTFOLDER_STATE", str(state))
    monkeypatch.setattr(local, "TEMPORARY", (state.parent,))
    _, found = ask(studio.config)
    assert "root" not in found
    assert f"{state} lies in {state.parent}, which systems clear" in found["state"][-1]["text"]
    assert "/var/lib/hotfolder" in found["state"][-1]["hint"]


def test_the_text_has_a_line_for_each_look_and_never_the_key(studio: Studio) -> None:
    result = CliRunner().invoke(app, ["doctor", "--config", str(studio.config)])
    assert KEY not in result.output and "ok      settings:" in result.output
    assert result.output.splitlines()[-1].startswith("0 problems, ")


def test_what_is_wrong_is_found_with_what_to_do(
    make_studio: MakeStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAGER_API_KEY", "two words")
    studio = make_studio(api={"base_url": "http://127.0.0.1:9", "storage_hosts": ["127.0.0.1:9"]})
    studio.done.write_text("a file")
    code, found = ask(studio.config)
    assert code == 1
    for what in ("key", "API", "storage", "done"):
        assert found[what][0]["verdict"] == "problem" and found[what][0]["hint"], what


def test_wrong_settings_are_one_problem_and_the_machine_is_looked_at_still(studio: Studio) -> None:
    studio.config.write_text("root: .\ninbx: a\n")
    code, found = ask(studio.config)
    assert code == 1 and f"{studio.config}:2:1" in found["settings"][0]["text"]
    assert found["libraries"][0]["verdict"] == "ok" and "SQLite" in found["libraries"][0]["text"]


async def test_an_inbox_that_was_replaced_is_told(studio: Studio) -> None:
    await studio.drop_and_run("12 Elm Road", "kitchen", bracket())
    studio.inbox.rename(studio.root / "away")
    studio.inbox.mkdir()
    code, found = await asyncio.to_thread(ask, studio.config)
    assert code == 1
    assert any(".hotfolder-root" in one["text"] for one in found["inbox"])
    assert "not running" in found["service"][0]["text"] and found["service"][0]["verdict"] == "warning"
    assert files_below(studio.inbox) == {}


async def test_records_that_are_gone_are_told_of_before_anything_is_begun_anew(studio: Studio) -> None:
    await studio.drop_and_run("12 Elm Road", "kitchen", bracket())
    studio.state.rename(studio.root / "away")
    code, found = await asyncio.to_thread(ask, studio.config)
    assert code == 1 and f"{studio.inbox} before" in found["state"][-1]["text"]
    assert "Mount the disk of `state`" in found["state"][-1]["hint"]


async def test_a_running_service_is_seen(studio: Studio) -> None:
    async with studio.working():
        await studio.comes_to()
        found = (await asyncio.to_thread(ask, studio.config))[1]
    assert "running (process" in found["service"][0]["text"]


def test_the_database_of_machines_that_share_a_store_is_looked_at(
    make_studio: MakeStudio, postgres: Postgres
) -> None:
    server = postgres.fresh()
    studio = make_studio(store={"url": server.url})
    code, found = ask(studio.config)
    texts = [one["text"] for one in found["database"]]
    assert code == 0 and any(text.startswith("PostgreSQL ") for text in texts)
    assert any("fsync is off" in text for text in texts)  # the tests' own server has fsync off
    assert "the database's" in found["clock"][-1]["text"]
    name = make_url(server.url).database
    postgres.run(f"ALTER DATABASE {name} SET synchronous_commit = off")
    postgres.run(f"REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE ROLE guest_{name} LOGIN")
    guest = make_studio(store={"url": server.url.replace("//hot@", f"//guest_{name}@")})
    code, found = ask(guest.config)
    texts = [one["text"] for one in found["database"] if one["verdict"] == "problem"]
    assert code == 1 and len(texts) == 2
    assert any("may not make tables" in text for text in texts)
    assert any("synchronous_commit is off" in text for text in texts)


def test_a_folder_of_results_that_is_anothers_or_away_is_told(make_studio: MakeStudio) -> None:
    studio = make_studio(results="results")
    results = studio.root / "results"
    results.mkdir(exist_ok=True)
    studio.drop("12 Elm", "hall", bracket())
    asyncio.run(studio.until_idle())
    assert {path.suffix for path in results.iterdir()} == {"", ".jpg"}
    assert not (studio.state / "results").exists()
    assert [one["verdict"] for one in ask(studio.config)[1]["results"]] == ["ok"]
    (results / RESULTS_MARKER).write_text("another\n")
    assert "names another store" in ask(studio.config)[1]["results"][1]["text"]
    results.rename(studio.root / "away")
    code, found = ask(studio.config)
    assert code == 1 and [one["text"] for one in found["results"]] == [f"{results} is not there"]


def test_a_database_that_cant_be_reached_is_one_problem_of_several(make_studio: MakeStudio) -> None:
    away = {"url": "postgresql+psycopg://hot@127.0.0.1:1/x"}
    code, found = ask(make_studio(store=away).config)
    [one] = found["database"]
    assert code == 1 and "can't be reached" in one["text"] and "refused" in one["text"]
    assert "API" in found and "inbox" in found
