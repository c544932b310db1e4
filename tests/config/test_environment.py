"""HOTFOLDER_* variables override the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hotfolder.config import yamlfile
from hotfolder.config.load import load
from hotfolder.config.settings import Settings
from hotfolder.config.sources import all_variables
from hotfolder.errors import ConfigurationError

Loader = Callable[..., Settings]


def test_variables_win_over_the_file(settings_of: Loader) -> None:
    """A setting in both has the environment's value; its neighbours keep theirs."""
    loaded = settings_of(
        "root: .\nsettle: {quiet_seconds: 5, scan_seconds: 7}\n",
        HOTFOLDER_SETTLE__QUIET_SECONDS="1",
        HOTFOLDER_LOG__LEVEL="debug",
        HOTFOLDER_API__STORAGE_HOSTS="127.0.0.2, storage.googleapis.com",
        HOTFOLDER_HDR__LENS_CORRECTION="no",
        HOTFOLDER_INBOX="2024: new",
        HOTFOLDER_ROUTES="[{name: a, operations: [sky-blue]}]",
    )
    assert (loaded.settle.quiet_seconds, loaded.settle.scan_seconds) == (1, 7)
    assert loaded.log.level == "debug"
    assert loaded.api.storage_hosts == ("127.0.0.2", "storage.googleapis.com")
    assert loaded.hdr.lens_correction is False
    assert loaded.inbox == "2024: new", "a text is taken as it is, whatever YAML would make of it"
    assert loaded.routes[0].name == "a"


def test_root_can_come_from_the_environment_alone(settings_of: Loader) -> None:
    """As in a container."""
    assert settings_of("inbox: in\n", HOTFOLDER_ROOT=".").inbox == "in"


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        (
            "SETTLE__QUIET_SECNDS",
            "1",
            "there is no such setting; did you mean HOTFOLDER_SETTLE__QUIET_SECONDS?",
        ),
        ("SETTLE__QUIET_SECONDS", "soon", 'settle.quiet_seconds must be a number, not "soon"'),
        (
            "API__KEY",
            "sk-secret-4711",
            "the API key goes into the variable STAGER_API_KEY, or into a file that api.key_file names",
        ),
        ("ROUTES", "[{name: a", "its value is not valid YAML"),
        (
            "ROUTES",
            "[{name: a, operations: [sky: twilght]}]",
            'unknown sky type "twilght"; did you mean "twilight"? Allowed: blue, twilight',
        ),
        (
            "ROOT",
            "nowhere",
            'the root folder "nowhere" doesn\'t exist; connect its disk or share if it lies on one, else'
            " correct it or make the folder",
        ),
        (
            "INBOX",
            "done",
            'inbox ("done") and done ("done") are the same folder; each needs a place of its own',
        ),
    ],
)
def test_the_variable_is_named(
    variable: str, value: str, told: str, problems_of: Callable[..., list[str]]
) -> None:
    """A problem in the environment names the variable instead of a line, and never shows the key."""
    name = f"HOTFOLDER_{variable}"
    assert problems_of("root: .\n", **{name: value}) == [f"{name}: {told}"]


def test_problems_of_the_file_come_before_the_environments(problems_of: Callable[..., list[str]]) -> None:
    found = problems_of("root: .\nlog: {level: loud}\n", HOTFOLDER_X="1", HOTFOLDER_LIMITS__MERGES="0")
    assert [line.partition(": ")[0] for line in found] == [
        "config.yaml:2:14",
        "HOTFOLDER_LIMITS__MERGES",
        "HOTFOLDER_X",
    ]


def test_variables_that_are_no_settings_are_let_be(settings_of: Loader) -> None:
    """HOTFOLDER_CONFIG names the file, HOTFOLDER_BRACKETS and HOTFOLDER_PHOTOS the test photos."""
    names = ("HOTFOLDER_CONFIG", "HOTFOLDER_BRACKETS", "HOTFOLDER_PHOTOS", "STAGER_API_KEY", "PATH")
    settings_of("root: .\n", **dict.fromkeys(names, "x"))


def test_every_setting_has_a_variable_and_an_empty_one_counts_as_unset(settings_of: Loader) -> None:
    """An empty variable of a template changes nothing."""
    variables = sorted(all_variables())
    assert settings_of("root: .\n", **dict.fromkeys(variables, "")) == settings_of("root: .\n")
    assert {"HOTFOLDER_ROOT", "HOTFOLDER_API__KEY_FILE", "HOTFOLDER_HDR__PHOTOGRAPHER_REMOVAL"} <= set(
        variables
    )
    assert len(variables) > 35


def test_where_the_installed_file_is_is_said_when_another_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "etc.yaml"
    monkeypatch.setattr(yamlfile, "INSTALLED", installed)
    for path, hint in ((tmp_path / "config.yaml", "hotfolder init"), (installed, "hotfolder init")):
        with pytest.raises(ConfigurationError) as refused:
            load(path, {})
        assert hint in refused.value.hint
    installed.write_text("root: .\n")
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path / "config.yaml", {})
    assert "add `--config /etc/hotfolder/config.yaml`" in refused.value.hint


def test_the_usual_file_may_be_missing_where_the_root_is_a_variable(tmp_path: Path) -> None:
    """A container starts from variables alone; a mistyped file name is still reported."""
    settings = load(tmp_path / "config.yaml", {"HOTFOLDER_ROOT": str(tmp_path)})
    assert settings.root_folder == tmp_path and not settings.routes
    for path, environ in ((tmp_path / "confg.yaml", {"HOTFOLDER_ROOT": "."}), (tmp_path / "config.yaml", {})):
        with pytest.raises(ConfigurationError, match="there is no such file"):
            load(path, environ)
