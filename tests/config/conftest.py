"""Configuration files in a folder of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hotfolder.config.load import load
from hotfolder.config.settings import Settings
from hotfolder.errors import ConfigurationError


@pytest.fixture
def settings_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Load a file called config.yaml with this content, and these variables."""
    monkeypatch.chdir(tmp_path)

    def load_text(content: str | bytes, **environ: str) -> Settings:
        path = Path("config.yaml")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load(path, environ)

    return load_text


@pytest.fixture
def problems_of(settings_of: Callable[..., Settings]) -> Callable[..., list[str]]:
    """The lines of the error that such a file gives."""

    def refuse(content: str | bytes, **environ: str) -> list[str]:
        with pytest.raises(ConfigurationError) as caught:
            settings_of(content, **environ)
        return str(caught.value).splitlines()

    return refuse
