from pathlib import Path

import pytest

pytest.importorskip("cv2", reason="the demo needs the sandbox extra")

from hotfolder.demo.scenes import DroppedScene, render_scenes


@pytest.fixture(scope="session")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("staged")


@pytest.fixture(scope="session")
def heard() -> list[str]:
    """What the rendering said it was doing."""
    return []


@pytest.fixture(scope="session")
def dropped(staged: Path, heard: list[str]) -> dict[str, DroppedScene]:
    """Every scene, rendered once at a quarter of its size, by folder name."""
    return {d.scene.folder: d for d in render_scenes(staged, scale=0.25, progress=heard.append)}
