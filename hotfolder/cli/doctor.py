"""`hotfolder doctor`."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from hotfolder.cli.problems import FAILED
from hotfolder.cli.shoots import counted
from hotfolder.cli.text import Text
from hotfolder.display import say as print
from hotfolder.doctor.checkup import checkup
from hotfolder.doctor.findings import Verdict

COLOURS = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.PROBLEM: "bold red"}


def doctor(config: Path, *, as_json: bool) -> int:
    """Print what was found; 1 when there is a problem. Warnings alone are no failure."""
    found = []
    console = Console(highlight=False, soft_wrap=True)
    for finding in checkup(config, os.environ):
        found.append(finding)
        if not as_json:
            console.print(Text(f"{finding.verdict:<8}", COLOURS[finding.verdict]), end="")
            console.print(Text(f"{finding.what}: {finding.text}"))
            if finding.hint:
                console.print(Text(f"{'':<8}{finding.hint}", "dim"))
    problems = sum(finding.verdict == Verdict.PROBLEM for finding in found)
    if as_json:
        print(json.dumps({"ok": not problems, "findings": [asdict(finding) for finding in found]}, indent=2))
    else:
        warnings = sum(finding.verdict == Verdict.WARNING for finding in found)
        console.print(Text(f"{counted(problems, 'problem')}, {counted(warnings, 'warning')}."))
    return FAILED if problems else 0
