"""Words of the links that are shared."""

WORDS: dict[str, tuple[str, str]] = {
    "share.title": ("Gallery and links", "Galerie und Links"),
    "share.back": ("Back to the project", "Zurück zum Projekt"),
    "share.new": ("A new link", "Ein neuer Link"),
    "share.explained": (
        "Whoever has the link sees the chosen pictures without a password, and beside each altered one the"
        " unaltered one. Nothing else.",
        "Wer den Link hat, sieht ohne Passwort die gewählten Bilder und neben jedem veränderten das"
        " unveränderte. Sonst nichts.",
    ),
    "share.choose": ("Pictures", "Bilder"),
    "share.unaltered": ("unaltered", "unverändert"),
    "share.days": ("Open for", "Offen für"),
    "share.number_of_days": ("{number} days", "{number} Tage"),
    "share.make": ("Make the link", "Link anlegen"),
    "share.made": (
        "This is the link. Copy it now: it is not kept, and can't be shown again.",
        "Das ist der Link. Kopieren Sie ihn jetzt: Er wird nicht aufbewahrt und kann nicht noch einmal"
        " gezeigt werden.",
    ),
    "share.address": ("The link", "Der Link"),
    "share.links": ("Links", "Links"),
    "share.none": ("There is no link yet.", "Es gibt noch keinen Link."),
    "share.line": (
        "made {made}, {number} pictures, open until {until}",
        "angelegt {made}, {number} Bilder, offen bis {until}",
    ),
    "share.revoked": ("revoked {at}", "widerrufen {at}"),
    "share.over": ("over since {until}", "abgelaufen am {until}"),
    "share.revoke": ("Revoke", "Widerrufen"),
    "share.revoke_one": ("Revoke the link of {made}", "Link vom {made} widerrufen"),
    "share.nowhere": (
        "This link doesn't lead anywhere, or not any more. Ask whoever gave it to you for a new one.",
        "Dieser Link führt nirgendwohin, oder nicht mehr. Bitten Sie um einen neuen, von wem Sie ihn haben.",
    ),
    "share.no_pictures": (
        "Nothing of this project has been delivered yet.",
        "Von diesem Projekt ist noch nichts fertig.",
    ),
    "share.gallery": ("The gallery as files", "Die Galerie als Dateien"),
    "share.gallery_explained": (
        "A folder “gallery” beside the pictures, to open from a disk, to send, or to put on a web site.",
        "Ein Ordner „gallery“ neben den Bildern, zum Öffnen, Verschicken oder Hochladen auf eine Website.",
    ),
    "share.gallery_make": ("Make it now", "Jetzt anlegen"),
    "told.gallery": (
        "It is made, and lies in the project’s folder in done.",
        "Sie ist angelegt und liegt im Ordner des Projekts in done.",
    ),
}
