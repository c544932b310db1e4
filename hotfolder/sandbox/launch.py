"""Start another Python process that sees exactly the modules which this one sees."""

from __future__ import annotations

import sys


def python_command(module: str, *arguments: str) -> list[str]:
    """A command line that runs `module`'s `main()` under this interpreter and this process's module path."""
    code = f"import sys; sys.path[:] = {sys.path!r}; from {module} import main; sys.exit(main())"
    return [sys.executable, "-c", code, *arguments]
