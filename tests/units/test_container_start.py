"""How the image's first process begins: a stop that comes before anything can handle it isn't lost."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

DOCKERFILE = Path(__file__).parents[2] / "Dockerfile"


def entrypoint() -> list[str]:
    found = re.search(r"^ENTRYPOINT (\[.*\])$", DOCKERFILE.read_text(), re.MULTILINE)
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
