"""The README and the docs: their commands, settings and links work."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from hotfolder.cli.app import app
from hotfolder.config.load import load
from hotfolder.errors import ConfigurationError

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
COMMANDS = ROOT / "docs" / "commands.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.M | re.S)


def blocks(page: Path, kind: str) -> list[str]:
    return [
        "\n".join(line.removeprefix("   ") for line in text.splitlines()) if text.startswith("   ") else text
        for found, text in FENCE.findall(page.read_text(encoding="utf-8"))
        if found == kind
    ]


def settings_blocks() -> list[object]:
    return [
        pytest.param(text, id=f"{page.name}-{number}")
        for page in PAGES
        for number, text in enumerate(blocks(page, "yaml"))
        if text.startswith("root:")
    ]


def test_the_first_two_shell_blocks_are_one_line_each() -> None:
    """The newcomer pastes one line for the demonstration and one for the tests."""
    shell = [block.strip() for block in blocks(README, "sh")]
    assert [len(block.splitlines()) for block in shell[:2]] == [1, 1]
    first, second = (block.split(" && ") for block in shell[:2])
    assert first[0] == second[0] == "python3 -m venv .venv"
    assert shlex.split(first[-1]) == [".venv/bin/hotfolder", "demo"]
    assert shlex.split(second[-1])[-2:] == ["-m", "pytest"]
    assert ".[sandbox]" in first[1] and ".[dev,sandbox]" in second[1]


@pytest.mark.parametrize("text", settings_blocks())
def test_every_settings_snippet_loads(text: str, tmp_path: Path) -> None:
    """Settings load as they are shown, apart from folders that must exist."""
    config = tmp_path / "config.yaml"
    config.write_text(re.sub(r"^root: .*$", "root: .", text, flags=re.M), encoding="utf-8")
    assert load(config, {}).root_folder == tmp_path


def test_the_error_that_the_readme_shows_is_the_one_that_is_printed(tmp_path: Path) -> None:
    """The spelling mistake at line 14, column 11 gives the README's sentence."""
    lines = ["root: .", *["#"] * 10, "tags:", "  dusk:", "   - sky: twilght"]
    config = tmp_path / "config.yaml"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load(config, {})
    shown = re.search(r"^ +/etc/hotfolder/(config\.yaml:.*)$", README.read_text(encoding="utf-8"), re.M)
    assert shown is not None
    assert shown[1] in caught.value.message


def test_the_commands_that_are_listed_are_those_that_there_are() -> None:
    """Each command is in the table, and the README names no others."""
    line = re.compile(r"^\| `hotfolder (\w[\w-]*)", re.M)
    told = set(line.findall(COMMANDS.read_text(encoding="utf-8")))
    assert set(line.findall(README.read_text(encoding="utf-8"))) < told
    assert told == set(get_command(app).commands)  # type: ignore[attr-defined]


def test_each_option_stands_beside_its_command() -> None:
    """But --config, which is told above the table."""
    rows = re.findall(r"^\| `hotfolder (\w[\w-]*)(.*)", COMMANDS.read_text(encoding="utf-8"), re.M)
    lacking = []
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        every = [command, *getattr(command, "commands", {}).values()]
        options = {one.opts[0] for each in every for one in each.params if not getattr(one, "hidden", False)}
        told = " ".join(row for of, row in rows if of == name)
        lacking += [f"{name} {one}" for one in options if one.startswith("--") and one not in told]
    assert [one for one in lacking if not one.endswith("--config")] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link to a file of this repository names an existing one."""
    targets = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("name", ["architecture", "changing"])
def test_the_files_that_are_named_for_a_change_exist(name: str) -> None:
    """A path with a folder is one of the repository or of the package."""
    text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.[a-z]+)`", text)
    assert len(named) > 20
    assert [
        path for path in named if not ((ROOT / path).exists() or (ROOT / "hotfolder" / path).exists())
    ] == []


def test_the_compose_file_has_settings_that_exist_and_waits_for_the_longest_paid_call(tmp_path: Path) -> None:
    """Its variables are settings, and Docker waits as long as a paid answer may take."""
    service = yaml.safe_load((ROOT / "docs" / "compose.yaml").read_text())["services"]["hotfolder"]
    config = tmp_path / "config.yaml"
    config.write_text("root: .\n", encoding="utf-8")
    environ = {**service["environment"], "HOTFOLDER_ROOT": str(tmp_path)}
    settings = load(config, environ)
    assert str(settings.state_folder) == "/state" and settings.api.key_file == "/run/secrets/stager_api_key"
    minutes = int(service["stop_grace_period"].removesuffix("m"))
    assert minutes * 60 > 1.5 * settings.api.paid_timeout_seconds
    assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["logging"]["options"]


def test_the_settings_of_several_machines_load(tmp_path: Path) -> None:
    [shown] = blocks(ROOT / "docs" / "cluster.md", "yaml")
    config = tmp_path / "config.yaml"
    config.write_text("root: .\n" + shown, encoding="utf-8")
    settings = load(config, {})
    assert settings.store.url is not None
    assert settings.time_zone == "Europe/Berlin"


def test_the_compose_file_of_several_machines_gives_them_the_same_but_for_their_state(tmp_path: Path) -> None:
    services = yaml.safe_load((ROOT / "docs" / "cluster.yaml").read_text())["services"]
    one, two = services["one"], services["two"]
    assert {name for name in one if one[name] != two[name]} == {"hostname", "volumes"}
    environ = {name: str(value) for name, value in one["environment"].items()}
    settings = load(tmp_path / "config.yaml", {**environ, "HOTFOLDER_ROOT": str(tmp_path)})
    assert settings.store.url == "postgresql+psycopg://hotfolder@database/hotfolder"
