"""docs/monitoring.md, from which operators copy."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from hotfolder.telemetry.health import Heartbeats
from hotfolder.telemetry.metrics import Metrics
from hotfolder.telemetry.overview import Overview

PAGE = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text()
RULES = next(block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.S) if block.startswith("groups:"))
OURS = re.compile(r"\bhotfolder_[a-z_]+\b")
SUFFIXES = re.compile(r"_(bucket|sum|count)\Z")


def served() -> set[str]:
    """The names of all our metrics when everything is known."""
    heartbeats = Heartbeats(lambda: 0.0)
    heartbeats.expect("scan", 1)
    seen = Overview((), {}, degraded={"inbox": ""})
    metrics = Metrics(lambda: seen, heartbeats, lambda: 1, lambda: datetime.now(UTC))
    metrics.paid("merge", "p")
    metrics.api_error("x")
    lines = metrics.page().decode().splitlines()
    return {SUFFIXES.sub("", found[0]) for line in lines if (found := OURS.match(line))}


def test_the_table_lists_exactly_what_is_served() -> None:
    assert set(re.findall(r"^\| `(hotfolder_\w+)` \|", PAGE, re.M)) == served()


def test_alert_rules_use_only_what_is_served() -> None:
    """A rule on a name that doesn't exist would never fire."""
    rules = yaml.safe_load(RULES)["groups"][0]["rules"]
    named = {SUFFIXES.sub("", name) for rule in rules for name in OURS.findall(rule["expr"])}
    assert len(rules) > 8 and named <= served()


def test_alert_rules_are_valid_for_prometheus(tmp_path: Path) -> None:
    """Prometheus' own checker is used where it is installed."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    (tmp_path / "rules.yml").write_text(RULES)
    ended = subprocess.run(
        ["promtool", "check", "rules", tmp_path / "rules.yml"], capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
