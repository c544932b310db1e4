"""The packages: one version, reproducible builds, and all data files."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from hotfolder import __version__

REPOSITORY = Path(__file__).parents[2]
FOLDERS = ("hotfolder", "docs", "systemd")
FILES = (
    "CHANGELOG.md",
    "Dockerfile",
    "LICENSE",
    "README.md",
    "config.example.yaml",
    "pyproject.toml",
    ".gitignore",
)
BUILD = "from hatchling.build import *; build_sdist({0!r}); build_wheel({0!r})"
COMMITTED = 1_790_000_000


def built(folder: Path, changed_at: float) -> Path:
    """The sdist and wheel of a checkout in `folder` whose files have that time."""
    source, out = folder / "source", folder / "dist"
    source.mkdir(parents=True)
    for name in FOLDERS:
        shutil.copytree(REPOSITORY / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(REPOSITORY / name, source)
    for path in source.rglob("*"):
        os.utime(path, (changed_at, changed_at))
    out.mkdir()
    command = [sys.executable, "-c", BUILD.format(str(out))]
    environ = {**os.environ, "SOURCE_DATE_EPOCH": str(COMMITTED)}
    subprocess.run(command, cwd=source, env=environ, check=True, capture_output=True)
    return out


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="the extra `dev` is older than its need for hatchling")
    return built(tmp_path_factory.mktemp("one"), 1_000_000_000)


def sums(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_the_same_files_make_the_same_packages(dist: Path, tmp_path: Path) -> None:
    assert sums(built(tmp_path, 1_500_000_000)) == sums(dist)
    assert set(sums(dist)) == {f"hotfolder-{__version__}.tar.gz", f"hotfolder-{__version__}-py3-none-any.whl"}


def test_the_wheel_has_the_licence_and_every_file_that_is_read_beside_the_code(dist: Path) -> None:
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    folder = REPOSITORY / "hotfolder"
    here = {path.relative_to(REPOSITORY) for path in folder.rglob("*") if path.is_file()}
    assert {str(path) for path in here if "__pycache__" not in path.parts} <= names
    assert f"hotfolder-{__version__}.dist-info/licenses/LICENSE" in names
    assert not any(name.startswith(("tests", "docs")) for name in names)


def test_the_sdist_has_the_licence_and_what_people_read(dist: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    read = {"LICENSE", "README.md", "CHANGELOG.md", "docs/operations.md", "systemd/hotfolder.service"}
    assert read <= names


def test_the_version_stands_in_one_place() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert "version" not in project and project["dynamic"] == ["version"]
