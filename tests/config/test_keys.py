"""The API key: where it is found, and that it is never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotfolder.config.load import load, load_key
from hotfolder.config.settings import Settings
from hotfolder.errors import ConfigurationError

SECRET = "sk-secret-4711"
IN_FILE = "The API key in the file that api.key_file names"
ODD = f"{IN_FILE} holds characters that no key has, such as spaces, line breaks or curly quotes."


def settings_in(folder: Path, content: bytes | None) -> Settings:
    (folder / "config.yaml").write_text("root: .\napi: {key_file: stager.key}\n")
    if content is not None:
        (folder / "stager.key").write_bytes(content)
    return load(folder / "config.yaml", {})


@pytest.mark.parametrize("content", [b"sk-secret-4711", b"sk-secret-4711\n", b"sk-secret-4711\r\n"])
def test_the_file_holds_the_key_with_or_without_a_line_end(tmp_path: Path, content: bytes) -> None:
    """Editors append a line end; Windows ones two characters."""
    assert load_key(settings_in(tmp_path, content), {}).get_secret_value() == SECRET


def test_the_environment_wins_and_an_empty_variable_counts_as_none(tmp_path: Path) -> None:
    """STAGER_API_KEY overrides api.key_file."""
    settings = settings_in(tmp_path, b"from-file")
    assert load_key(settings, {"STAGER_API_KEY": SECRET}).get_secret_value() == SECRET
    assert load_key(settings, {"STAGER_API_KEY": ""}).get_secret_value() == "from-file"


def test_the_file_is_read_anew_at_every_call(tmp_path: Path) -> None:
    """A key replaced while the daemon runs takes effect."""
    settings = settings_in(tmp_path, b"old")
    load_key(settings, {})
    (tmp_path / "stager.key").write_text("new\n")
    assert load_key(settings, {}).get_secret_value() == "new"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "The file that api.key_file names can't be read: No such file or directory."),
        (b"", f"{IN_FILE} is empty."),
        (b"\n", f"{IN_FILE} is empty."),
        (b"sk-secret-4711\n\n", ODD),
        ("“sk-secret-4711”".encode(), ODD),
    ],
)
def test_a_key_that_cannot_be_is_refused_unshown(tmp_path: Path, content: bytes | None, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_key(settings_in(tmp_path, content), {})
    assert caught.value.message == said
    assert caught.value.hint
    assert SECRET not in f"{caught.value.message}{caught.value.hint}{caught.value!r}"
    assert caught.value.__cause__ is None


def test_without_any_key_the_hint_says_where_it_goes(tmp_path: Path) -> None:
    """Neither the variable nor the file is set."""
    (tmp_path / "config.yaml").write_text("root: .\n")
    with pytest.raises(ConfigurationError, match=r"There is no API key\.") as caught:
        load_key(load(tmp_path / "config.yaml", {}), {})
    assert "STAGER_API_KEY" in caught.value.hint


@pytest.mark.parametrize(
    "line",
    [
        f"api: {{key: {SECRET}}}",
        f"api_key: {SECRET}",
        f"api: {SECRET}",
        f"api: [{SECRET}]",
        f"api: {{stager-api-key: {SECRET}}}",
        f"api: {{token: {{a: {SECRET}}}}}",
        f"api: {{base_url: 'https://x:{SECRET}@host'}}",
        f"api: {{storage_hosts: ['x:{SECRET}@host']}}",
    ],
)
def test_a_key_in_the_wrong_place_is_not_repeated(tmp_path: Path, line: str) -> None:
    """Error messages end up in logs and screenshots."""
    (tmp_path / "config.yaml").write_text(f"root: .\n{line}\n")
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "config.yaml", {})
    assert SECRET not in str(caught.value)
    chain: BaseException | None = caught.value
    while chain is not None:
        assert SECRET not in str(chain)
        chain = chain.__cause__ or chain.__context__
