"""The examples in docs/cluster.md and docs/cluster.yaml load as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from hotfolder.config.load import load
from tests.support.studio import REPOSITORY

DOCS = REPOSITORY / "docs"


def test_the_settings_of_the_handbook_load(tmp_path: Path) -> None:
    [shown] = re.findall(r"```yaml\n(.*?)```", (DOCS / "cluster.md").read_text(), re.DOTALL)
    path = tmp_path / "config.yaml"
    path.write_text("root: .\n" + re.sub(r"^ {3}", "", shown, flags=re.MULTILINE))
    settings = load(path, {})
    assert settings.store.url is not None
    assert settings.time_zone == "Europe/Berlin"


def test_the_compose_file_gives_both_daemons_the_same_but_for_their_state(tmp_path: Path) -> None:
    services = yaml.safe_load((DOCS / "cluster.yaml").read_text())["services"]
    one, two = services["one"], services["two"]
    assert {name for name in one if one[name] != two[name]} == {"hostname", "volumes"}
    environ = {name: str(value) for name, value in one["environment"].items()}
    settings = load(tmp_path / "config.yaml", {**environ, "HOTFOLDER_ROOT": str(tmp_path)})
    assert settings.store.url == "postgresql+psycopg://hotfolder@database/hotfolder"
