"""Text for rich that may hold what came from outside: a terminal obeys whatever it gets."""

from __future__ import annotations

from typing import Any

import rich.text

from hotfolder.display import visible_lines


class Text(rich.text.Text):
    """Rich's own, with nothing in it that a terminal obeys."""

    def __init__(self, text: str = "", *arguments: Any, **named: Any) -> None:
        super().__init__(visible_lines(text), *arguments, **named)
