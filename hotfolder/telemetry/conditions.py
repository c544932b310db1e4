"""What concerns all sets: why work waits, and what else a person should know. Every face says it in these
words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from hotfolder.display import with_hint
from hotfolder.errors import CommandHint
from hotfolder.telemetry.overview import NOTHING_BOUGHT, Overview


class About(StrEnum):
    """What a condition is about. With its `name` it identifies the condition over a restart."""

    SANDBOX = "sandbox"
    SETTINGS = "settings"
    RESTART = "restart"
    INBOX = "inbox"
    FOLDER = "folder"
    API = "api"
    SCHEDULE = "schedule"
    PAUSE = "pause"


WAITS = "Whatever is to be put there waits, and continues by itself once that is mended."
RESUME = CommandHint("`hotfolder resume` continues.")


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. `text` is whole sentences in English; `command` names what to type, for terminals only.
    `name` is the inbox, the folder or the error that it is about, where there may be several."""

    about: About
    text: str
    name: str = ""
    command: str = ""

    @property
    def bad(self) -> bool:
        """Whether something is wrong; all else is intended."""
        return self.about in (About.SETTINGS, About.INBOX, About.FOLDER, About.API)

    @property
    def stops(self) -> bool:
        """Whether sets aren't accepted or processed meanwhile."""
        return self.about in (About.INBOX, About.FOLDER, About.API, About.PAUSE)

    @property
    def told(self) -> str:
        """The text for whoever has a terminal."""
        return f"{self.text} {self.command}".strip()


def conditions(seen: Overview) -> Iterator[Condition]:
    """The conditions of an overview, in the order in which they are shown."""
    if seen.sandbox:
        yield Condition(About.SANDBOX, NOTHING_BOUGHT)
    if error := seen.settings_error:
        until = "those before it stay in force" if seen.running_at_all else "nothing starts with them"
        yield Condition(About.SETTINGS, f"The settings have an error, and {until}: {error}", error)
    if seen.restart:
        text = f"Edited, but only from the next start on: {', '.join(seen.restart)}."
        yield Condition(About.RESTART, text)
    yield from (
        Condition(About.INBOX, with_hint(f"Nothing comes in from {name}: {why}", ""), name)
        for name, why in seen.degraded.items()
        if why
    )
    yield from (
        Condition(About.FOLDER, with_hint(f"Nothing can be put into {name}: {why}", WAITS), name)
        for name, why in seen.missing.items()
        if why
    )
    if seen.trouble:
        told = with_hint(seen.trouble, seen.trouble_hint)
        after = "" if "by itself" in told else "Everything continues by itself then."
        yield Condition(About.API, with_hint(f"The work waits: {told}", after))
    if seen.schedule:
        yield Condition(About.SCHEDULE, f"Whatever has still to be sent {seen.schedule}.")
    if seen.paused:
        text = with_hint(f"Nothing is paid for just now: {seen.paused}", "")
        yield Condition(About.PAUSE, text, command=RESUME)
