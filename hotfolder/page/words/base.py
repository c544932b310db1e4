"""Words of what every page has, and of errors."""

WORDS: dict[str, tuple[str, str]] = {
    "base.product": ("hotfolder", "hotfolder"),
    "base.skip": ("Skip to the content", "Zum Inhalt springen"),
    "base.navigation": ("Pages", "Seiten"),
    "base.now": ("Now", "Jetzt"),
    "base.other_language": ("Deutsch", "English"),
    "base.sign_out": ("Sign out", "Abmelden"),
    "base.looking_only": ("You can look, and change nothing.", "Sie können nur ansehen, nichts ändern."),
    "error.title": ("That didn't work", "Das hat nicht geklappt"),
    "error.back": ("Back to the overview", "Zurück zur Übersicht"),
    "error.400": ("This request can't be understood.", "Diese Anfrage ist nicht zu verstehen."),
    "error.403": ("This is not allowed.", "Das ist nicht erlaubt."),
    "error.404": ("There is nothing here, or not any more.", "Hier ist nichts, oder nichts mehr."),
    "error.405": ("This address can't do that.", "Diese Adresse kann das nicht."),
    "error.413": ("That is more than is taken here.", "Das ist mehr, als hier angenommen wird."),
    "error.500": (
        "Something in hotfolder itself went wrong; its log says what. Nothing was lost.",
        "In hotfolder selbst ist etwas schiefgegangen; was, steht im Protokoll. Verloren ist nichts.",
    ),
}
