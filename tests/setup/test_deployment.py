"""Ports, paths and grace periods come from one module, wherever they are written."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from hotfolder.config.settings import PAGE_PORT, Api
from hotfolder.config.sources import SETUP_PORT
from hotfolder.setup import deployment, health

REPOSITORY = Path(__file__).parents[2]
CONTAINED = (deployment.COMPOSE, "truenas.yaml")


@pytest.mark.parametrize("name", deployment.KEPT_IN_CHECKOUT)
def test_what_is_kept_in_the_checkout_is_what_is_generated(name: str) -> None:
    """`python -m hotfolder.setup.deployment` writes it anew."""
    kept = REPOSITORY / deployment.KEPT_IN_CHECKOUT[name]
    assert kept.read_text(encoding="utf-8") == deployment.text_of(name)


def test_a_kill_comes_later_than_the_longest_paid_answer() -> None:
    assert 1.5 * Api().paid_timeout_seconds <= deployment.STOP_SECONDS
    assert deployment.STOP_SECONDS % 60 == 0  # the compose file says minutes


def test_the_image_has_the_same_folders_user_and_ports() -> None:
    """A Dockerfile and a script of its own can't import the module, so they are compared."""
    image = (REPOSITORY / "Dockerfile").read_text()
    data, kept, number = deployment.DATA, deployment.KEPT, deployment.CONTAINER_ID
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
    service = yaml.safe_load(deployment.text_of(name))["services"]["hotfolder"]
    assert [volume.rpartition(":")[2] for volume in service["volumes"]] == ["/data", "/state"]
    assert service["volumes"][1].startswith("state:")
    assert service["read_only"] and service["cap_drop"] == ["ALL"]
    assert service["stop_grace_period"] == f"{deployment.STOP_SECONDS // 60}m"


def test_the_template_for_unraid_names_the_same() -> None:
    """Each field of its form, and the options that its form doesn't show."""
    container = ElementTree.fromstring(deployment.text_of("unraid.xml"))
    fields = {(field.get("Type"), field.get("Target")) for field in container.iter("Config")}
    paths = {("Path", "/data"), ("Path", "/state")}
    variables = {("Variable", name) for name in ("PUID", "PGID", "TZ")}
    assert fields == paths | variables | {("Port", str(PAGE_PORT))}
    options = container.findtext("ExtraParams", "")
    assert f"--stop-timeout {deployment.STOP_SECONDS}" in options and "--cap-drop ALL" in options
    assert f"[PORT:{PAGE_PORT}]" in container.findtext("WebUI", "")
