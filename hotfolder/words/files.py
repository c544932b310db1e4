"""Words of STATUS.txt and REASON.txt."""

WORDS: dict[str, tuple[str, str]] = {
    "status.headline": ("What hotfolder is doing with this folder", "Was hotfolder mit diesem Ordner macht"),
    "status.as_of": ("As of {time}", "Stand: {time}"),
    "status.stopped": (
        "hotfolder was stopped at {time}. Nothing continues until it is started again.",
        "hotfolder steht seit dem {time}. Bis zum nächsten Start geht nichts weiter.",
    ),
    "status.attention": ("Needs a person", "Braucht jemanden"),
    "status.running": ("Being worked on", "In Arbeit"),
    "status.continues": (
        "Continues when hotfolder is started again",
        "Geht weiter, sobald hotfolder wieder gestartet ist",
    ),
    "status.waiting": ("Waiting", "Wartet"),
    "status.failed": (
        "Came back lately (see REASON.txt in failed)",
        "Kürzlich zurückgekommen (siehe REASON.txt im Ordner failed)",
    ),
    "status.nothing": (
        "Nothing is waiting. Finished pictures are in the done folder.",
        "Es wartet nichts. Fertige Bilder liegen im Ordner done.",
    ),
    "status.finished": (
        "Finished lately (see the done folder)",
        "Kürzlich fertig geworden (siehe Ordner done)",
    ),
    "status.room": ("{project}: 1 room, at {time}", "{project}: 1 Raum, {time}"),
    "status.rooms": (
        "{project}: {number} rooms, the last at {time}",
        "{project}: {number} Räume, der letzte {time}",
    ),
    "status.some_rooms": (
        "{project}: {number} of {most} rooms, the last at {time}",
        "{project}: {number} von {most} Räumen, der letzte {time}",
    ),
    "status.footer": (
        "This page is rewritten whenever something changes; hotfolder never reads it.",
        "Diese Seite wird bei jeder Änderung neu geschrieben; hotfolder liest sie nie.",
    ),
    "reason.needs_person": ("{room}: this set needs a person", "{room}: Dieses Set braucht jemanden"),
    "reason.cancelled": ("{room}: this set was cancelled", "{room}: Dieses Set wurde abgebrochen"),
    "reason.unfinished": (
        "{room}: this set could not be finished",
        "{room}: Dieses Set konnte nicht fertig werden",
    ),
    "reason.project": ("Project", "Projekt"),
    "reason.folder": ("Folder", "Ordner"),
    "reason.when": ("When", "Wann"),
    "reason.happened": ("What happened", "Was geschehen ist"),
    "reason.to_do": ("What to do", "Was zu tun ist"),
    "reason.drop_again": (
        "Drop the folder again. If it comes back, show this page to your manager.",
        "Den Ordner noch einmal ablegen. Kommt er wieder zurück, diese Seite der Studioleitung zeigen.",
    ),
    "reason.cost": ("What it cost", "Was es gekostet hat"),
    "reason.free": ("Nothing was charged.", "Berechnet wurde nichts."),
    "reason.lost": ("Is anything lost?", "Ist etwas verloren?"),
    "reason.some_removed": (
        "hotfolder has deleted none of them. The others lie beside this page, unchanged:",
        "hotfolder hat keines davon gelöscht. Die anderen liegen unverändert neben dieser Seite:",
    ),
    "reason.none_lost": (
        "No. Every file that you dropped lies beside this page, unchanged:",
        "Nein. Alle abgelegten Dateien liegen unverändert neben dieser Seite:",
    ),
    "reason.none": ("(none)", "(keine)"),
    "reason.again": ("To try again", "Noch einmal versuchen"),
    "reason.drag_back": (
        "Drag this whole folder back into the project's folder in the inbox. This page may stay in it."
        " Whatever is already paid for is used again and is not paid a second time.",
        "Diesen ganzen Ordner wieder in den Projektordner im Eingang ziehen. Diese Seite darf darin bleiben."
        " Was schon bezahlt ist, wird wieder verwendet und nicht noch einmal bezahlt.",
    ),
    "reason.mended_first": (
        'Do what is said under "What to do" first: as it is, the folder would come back again. Then drag it'
        " into the project's folder in the inbox. This page may stay in it.",
        "Zuerst tun, was unter „Was zu tun ist“ steht: So, wie er ist, käme der Ordner wieder zurück. Dann in"
        " den Projektordner im Eingang ziehen. Diese Seite darf darin bleiben.",
    ),
    "reason.tags": ("The tags there are", "Diese Tags gibt es"),
    "reason.job": ("(job {job})", "(Job {job})"),
    "time.date": ("{clock}, {day} {month} {year}", "{day}. {month} {year}, {clock} Uhr"),
    "time.clock": ("{clock}", "{clock} Uhr"),
    "time.months": (
        "January February March April May June July August September October November December",
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    ),
}
