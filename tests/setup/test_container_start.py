"""How the image's first process begins: a stop that comes before anything can handle it isn't lost."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.studio import environment

DOCKERFILE = Path(__file__).parents[2] / "Dockerfile"


def entrypoint(instruction: str = "ENTRYPOINT") -> list[str]:
    found = re.search(rf"^{instruction} (\[.*\])$", DOCKERFILE.read_text(), re.MULTILINE)
    assert found is not None
    words: list[str] = json.loads(found[1])
    return words


@pytest.mark.parametrize(("before", "code"), [("kill -TERM $$; ", 0), ("", 2)])
def test_a_stop_that_comes_before_the_program_is_obeyed_when_it_is_there(
    tmp_path: Path, before: str, code: int
) -> None:
    """As in the image, with a shell for its script. Unstopped, settings that aren't there end it with 2."""
    program = shlex.join([sys.executable, "-m", "hotfolder", "run", "--config", str(tmp_path / "none.yaml")])
    words = [*entrypoint()[:-1], "sh", "-c", f"{before}exec {program}"]
    assert subprocess.run(words, capture_output=True, check=False).returncode == code
    assert list(tmp_path.iterdir()) == []


def test_it_starts_from_a_root_and_a_key_without_a_file_of_settings(tmp_path: Path) -> None:
    """A NAS asks for variables alone. The command is the image's, with its /data elsewhere."""
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
