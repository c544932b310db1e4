"""Configuration files in a folder of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hotfolder.config.load import load
from hotfolder.config.settings import Settings
from hotfolder.errors import ConfigurationError

EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"


@pytest.fixture
def example_in_use() -> str:
    """config.example.yaml with its commented tags and routes enabled, as the comments say."""
    text = EXAMPLE.read_text()
    for empty in ("tags: {}", "routes: []"):
        name = empty.partition(" ")[0]
        before, _, rest = text.partition(f"\n#   {name}\n")
        notes, _, after = rest.partition(f"{empty}\n")
        block = "\n".join(line.removeprefix("#").removeprefix("   ") for line in notes.splitlines())
        text = f"{before}\n{name}\n{block}\n{after}"
    return text


@pytest.fixture
def settings_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Load a config.yaml with this content and these environment variables."""
    monkeypatch.chdir(tmp_path)

    def load_text(content: str | bytes, **environ: str) -> Settings:
        path = Path("config.yaml")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load(path, environ)

    return load_text


@pytest.fixture
def problems_of(settings_of: Callable[..., Settings]) -> Callable[..., list[str]]:
    """The lines of the error for such a file."""

    def refuse(content: str | bytes, **environ: str) -> list[str]:
        with pytest.raises(ConfigurationError) as caught:
            settings_of(content, **environ)
        return str(caught.value).splitlines()

    return refuse
