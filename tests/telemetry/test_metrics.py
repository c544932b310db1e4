"""The metrics, scraped over HTTP and parsed with Prometheus' own parser; and docs/monitoring.md, from which
operators copy."""

from __future__ import annotations

import http.client
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from hotfolder.jobs.states import State
from hotfolder.telemetry.health import Heartbeats
from hotfolder.telemetry.metrics import MOST_PROJECTS, Metrics
from hotfolder.telemetry.overview import SETTLING, Line, Overview
from tests.telemetry.conftest import Serve

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
Samples = dict[tuple[str, tuple[str, ...]], float]


def line(state: str, minutes_ago: float) -> Line:
    created = (NOW - timedelta(minutes=minutes_ago)).isoformat() if minutes_ago else ""
    return Line("id", "inbox", "12 Elm Road", "kitchen", "kitchen", state, created_at=created)


SEEN = Overview(
    lines=(line(SETTLING, 0), line("queued", 5), line("queued", 20), line("merging", 90), line("done", 900)),
    counts={SETTLING: 1, "queued": 2, "merging": 1, "done": 40},
    trouble="paused",
    paused="by hand",
    degraded={"inbox": "", 'se"cond\n': "it is not mounted"},
)


def metrics_of(seen: Overview | None = SEEN, *, left: int | None = 7) -> Metrics:
    clock = [88.0]
    heartbeats = Heartbeats(lambda: clock[0])
    heartbeats.expect("scan", 60)
    clock[0] = 100.0
    return Metrics(lambda: seen, heartbeats, lambda: left, lambda: NOW)


def read(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def samples(metrics: Metrics) -> Samples:
    return read(metrics.page().decode())


def test_what_happened_is_scraped_over_http(serve: Serve) -> None:
    """Counters, histograms and gauges have their documented names, in a valid format."""
    metrics = metrics_of()
    metrics.paid("merge", "12 Elm Road")
    metrics.paid("sky", "12 Elm Road")
    metrics.paid("merge", "3 Oak Lane")
    metrics.phase("merging", 42.0)
    metrics.bytes_up(1000)
    metrics.bytes_down(300)
    metrics.api_error("KeyRejected")
    metrics.notice("sent")
    connection = http.client.HTTPConnection("127.0.0.1", serve(metrics=metrics.page).port, timeout=60)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    assert (answer.getheader("Content-Type") or "").startswith("text/plain; version=0.0.4")
    got = read(answer.read().decode())
    connection.close()
    expected: Samples = {
        ("hotfolder_paid_calls_total", ("merge",)): 2,
        ("hotfolder_paid_calls_total", ("lawn",)): 0,
        ("hotfolder_project_paid_calls_total", ("12 Elm Road", "sky")): 1,
        ("hotfolder_phase_seconds_count", ("merging",)): 1,
        ("hotfolder_phase_seconds_sum", ("merging",)): 42,
        ("hotfolder_phase_seconds_bucket", ("30.0", "merging")): 0,
        ("hotfolder_phase_seconds_bucket", ("60.0", "merging")): 1,
        ("hotfolder_uploaded_bytes_total", ()): 1000,
        ("hotfolder_downloaded_bytes_total", ()): 300,
        ("hotfolder_api_errors_total", ("KeyRejected",)): 1,
        ("hotfolder_notices_total", ("sent",)): 1,
        ("hotfolder_jobs", ("queued",)): 2,
        ("hotfolder_jobs", (SETTLING,)): 1,
        ("hotfolder_jobs", ("failed",)): 0,
        ("hotfolder_oldest_waiting_seconds", ()): 1200,
        ("hotfolder_oldest_unfinished_seconds", ()): 5400,
        ("hotfolder_api_paused", ()): 1,
        ("hotfolder_paid_calls_paused", ()): 1,
        ("hotfolder_inbox_degraded", ("inbox",)): 0,
        ("hotfolder_inbox_degraded", ('se"cond ',)): 1,
        ("hotfolder_part_silent_seconds", ("scan",)): 12,
        ("hotfolder_paid_calls_left", ()): 7,
    }
    assert {key: got.get(key) for key in expected} == expected
    assert got[("process_resident_memory_bytes", ())] > 1_000_000
    assert {labels[0] for name, labels in got if name == "hotfolder_jobs"} == {SETTLING, *State}
    assert not [name for name, _ in got if name.endswith("_created")]


def test_the_number_of_series_is_bounded() -> None:
    """Of thousands of projects the latest are kept."""
    metrics = metrics_of()
    for number in range(1000):
        metrics.paid("merge", f"project {number} {'p' * 5000}")
    got = samples(metrics)
    projects = [labels for name, labels in got if name == "hotfolder_project_paid_calls_total"]
    assert len(projects) == MOST_PROJECTS and any(one[1].startswith("project 999 ") for one in projects)
    assert got["hotfolder_paid_calls_total", ("merge",)] == 1000
    assert max(len(value) for _, labels in got for value in labels) <= 100


@pytest.mark.parametrize("name", ["12 Elm Road\n", "\udcff", "", "Straße “7”", 'x"} 1\ny'])
def test_any_project_name_keeps_the_page_readable(name: str) -> None:
    """Names come from folders, may hold anything, and must not break the format."""
    metrics = metrics_of()
    metrics.paid("merge", name)
    assert [
        value for (name, _), value in samples(metrics).items() if name.startswith("hotfolder_project")
    ] == [1]


def test_no_api_is_asked_while_the_store_is_away() -> None:
    away = metrics_of(Overview((), {}, store_trouble="The database can't be reached."))
    assert read(away.page().decode())["hotfolder_api_paused", ()] == 1


def test_nothing_known_is_nothing_shown() -> None:
    """Before the first overview, and without a budget, there are no such series: not zeros."""
    names = {name for name, _ in samples(metrics_of(None, left=None))}
    assert not names & {"hotfolder_jobs", "hotfolder_paid_calls_left", "hotfolder_api_paused"}


def test_two_daemons_in_one_process_do_not_share_numbers() -> None:
    first, second = metrics_of(), metrics_of()
    first.bytes_up(5)
    assert samples(second)["hotfolder_uploaded_bytes_total", ()] == 0


PAGE = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text()
RULES = next(block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.S) if block.startswith("groups:"))
OURS = re.compile(r"\bhotfolder_[a-z_]+\b")
SUFFIXES = re.compile(r"_(bucket|sum|count)\Z")


def served() -> set[str]:
    """The names of all our metrics when everything is known."""
    metrics = metrics_of()
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
