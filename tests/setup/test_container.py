"""The image: start and stop of its first process, and its health check, run as in the image; ports, paths and
grace periods come from one module, wherever they are written."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from starlette.applications import Starlette

from hotfolder.config.settings import PAGE_PORT, Api
from hotfolder.config.sources import SETUP_PORT
from hotfolder.setup import deployment, health
from hotfolder.telemetry.web import WebServer, pages
from tests.support.studio import environment

SCRIPT = Path(health.__file__)
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def reasons() -> list[str]:
    """Reasons for not being ready, which a test changes."""
    return []


@pytest.fixture
def port(reasons: list[str]) -> Iterator[int]:
    """The port of `/readyz`."""

    def readiness() -> dict[str, object]:
        return {"ok": not reasons, "reasons": reasons}

    server = WebServer(pages(health=dict, readiness=readiness, metrics=bytes))
    yield server.port
    server.stop()


def checked(port: int, **environment: str) -> tuple[int, str]:
    """The health check's exit code and output."""
    environ = {**os.environ, "HOTFOLDER_WEB__PORT": str(port), **environment}
    ended = subprocess.run([sys.executable, SCRIPT], env=environ, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stderr.strip()


def test_it_is_healthy_while_it_is_ready_and_else_says_why_not(port: int, reasons: list[str]) -> None:
    """`docker inspect` shows its output."""
    assert checked(port) == (0, "")
    reasons.append("an inbox is out of reach (inbox): it is not there")
    assert checked(port) == (1, reasons[0])


def test_a_proxy_in_the_environment_is_not_asked_for_our_own_pages(port: int) -> None:
    """Docker puts the proxies of its client's settings into every container."""
    nobody = "http://127.0.0.1:9"
    assert checked(port, http_proxy=nobody, HTTP_PROXY=nobody, no_proxy="", NO_PROXY="") == (0, "")


def test_what_does_not_answer_is_unhealthy() -> None:
    """The daemon is not there yet, or something else uses its port."""
    assert "doesn't answer" in checked(9)[1]
    other = WebServer(Starlette())
    assert checked(other.port) == (1, f"Port {other.port} answers 404.")
    other.stop()


def test_the_image_checks_with_it_at_the_port_that_it_serves() -> None:
    """The Dockerfile copies this very file to where its HEALTHCHECK looks for it."""
    text = (REPOSITORY / "Dockerfile").read_text()
    copied = re.search(r"^COPY (\S+health\.py) (\S+/)$", text, re.MULTILINE)
    assert copied is not None
    assert REPOSITORY / copied[1] == SCRIPT
    assert f'CMD ["python3", "{copied[2]}{SCRIPT.name}"]' in text
    assert f"HOTFOLDER_WEB__PORT={health.PORT}" in text


def entrypoint(instruction: str = "ENTRYPOINT") -> list[str]:
    found = re.search(rf"^{instruction} (\[.*\])$", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE)
    assert found is not None
    words: list[str] = json.loads(found[1])
    return words


@pytest.mark.parametrize(("before", "code"), [("kill -TERM $$; ", 0), ("", 2)])
def test_a_stop_that_comes_before_the_program_is_obeyed_by_it(tmp_path: Path, before: str, code: int) -> None:
    """A shell runs the image's script. Without a stop, the missing settings would end it with 2."""
    program = shlex.join([sys.executable, "-m", "hotfolder", "run", "--config", str(tmp_path / "none.yaml")])
    words = [*entrypoint()[:-1], "sh", "-c", f"{before}exec {program}"]
    assert subprocess.run(words, capture_output=True, check=False).returncode == code
    assert list(tmp_path.iterdir()) == []


def test_it_starts_from_a_root_and_a_key_without_a_file_of_settings(tmp_path: Path) -> None:
    """A NAS passes only variables. The command is the image's, with another folder for /data."""
    words = [word.replace("/data", str(tmp_path)) for word in entrypoint("CMD")]
    variables = {"HOTFOLDER_ROOT": str(tmp_path), "STAGER_API_KEY": "any-key"}
    ended = subprocess.run(
        [sys.executable, "-m", "hotfolder", *words, "--until-idle"],
        capture_output=True,
        text=True,
        env={**environment(None), **variables},
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "inbox").is_dir() and "no_settings_file" in ended.stdout + ended.stderr


CONTAINED = (deployment.COMPOSE, "truenas.yaml")


@pytest.mark.parametrize("name", deployment.GENERATED_IN_CHECKOUT)
def test_what_is_kept_in_the_checkout_is_what_is_generated(name: str) -> None:
    """`python -m hotfolder.setup.deployment` writes it anew."""
    kept = REPOSITORY / deployment.GENERATED_IN_CHECKOUT[name]
    assert kept.read_text(encoding="utf-8") == deployment.generated_text(name)


def test_a_kill_comes_later_than_the_longest_paid_answer() -> None:
    assert 1.5 * Api().paid_timeout_seconds <= deployment.STOP_SECONDS
    assert deployment.STOP_SECONDS % 60 == 0  # the compose file says minutes


def test_the_image_has_the_same_folders_user_and_ports() -> None:
    """A Dockerfile and a script of its own can't import the module, so they are compared."""
    image = (REPOSITORY / "Dockerfile").read_text()
    data, kept, number = deployment.DATA_VOLUME, deployment.STATE_VOLUME, deployment.CONTAINER_ID
    owner = f"install -d -o {number} -g {number}"
    assert f"{owner} -m 2777 {data} && {owner} -m 1777 {kept}" in image
    assert f"USER {number}:{number}" in image and f"VOLUME {data}" in image
    assert f'CMD ["run", "--config", "{data}/config.yaml"]' in image
    assert f"HOTFOLDER_WEB__PORT={health.PORT}" in image and f"{SETUP_PORT}={PAGE_PORT}\n" in image
    script = (REPOSITORY / "hotfolder/setup/container.sh").read_text()
    assert re.findall(r"\$\{P[UG]ID:-(\d+)\}", script) == [str(number)] * 2
    assert f"for folder in {data} {kept}; do" in script
    assert f"program={deployment.PROGRAM}\n" in script


@pytest.mark.parametrize("name", CONTAINED)
def test_a_container_keeps_its_records_on_a_volume_and_may_do_no_more_than_it_must(name: str) -> None:
    service = yaml.safe_load(deployment.generated_text(name))["services"]["hotfolder"]
    assert [volume.rpartition(":")[2] for volume in service["volumes"]] == ["/data", "/state"]
    assert service["volumes"][1].startswith("state:")
    assert service["read_only"] and service["cap_drop"] == ["ALL"]
    assert service["stop_grace_period"] == f"{deployment.STOP_SECONDS // 60}m"


def test_the_template_for_unraid_names_the_same() -> None:
    """Each field of its form, and the options that its form doesn't show."""
    container = ElementTree.fromstring(deployment.generated_text("unraid.xml"))
    fields = {(field.get("Type"), field.get("Target")) for field in container.iter("Config")}
    paths = {("Path", "/data"), ("Path", "/state")}
    variables = {("Variable", name) for name in ("PUID", "PGID", "TZ")}
    assert fields == paths | variables | {("Port", str(PAGE_PORT))}
    options = container.findtext("ExtraParams", "")
    assert f"--stop-timeout {deployment.STOP_SECONDS}" in options and "--cap-drop ALL" in options
    assert f"[PORT:{PAGE_PORT}]" in container.findtext("WebUI", "")
