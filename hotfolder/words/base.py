"""Words of what every page has, and of errors."""

WORDS: dict[str, tuple[str, str]] = {
    "base.product": ("hotfolder", "hotfolder"),
    "base.skip": ("Skip to the content", "Zum Inhalt springen"),
    "base.navigation": ("Pages", "Seiten"),
    "base.now": ("Now", "Jetzt"),
    "base.outlook": ("What would happen?", "Was würde geschehen?"),
    "base.other_language": ("Deutsch", "English"),
    "base.sign_out": ("Sign out", "Abmelden"),
    "base.looking_only": ("You can look, and change nothing.", "Sie können nur ansehen, nichts ändern."),
    "signin.title": ("Sign in", "Anmelden"),
    "signin.password": ("The studio's password", "Passwort des Studios"),
    "signin.submit": ("Sign in", "Anmelden"),
    "signin.wrong": ("That is not the password.", "Das ist nicht das Passwort."),
    "signin.too_often": (
        "That was tried too often. The next try can be made in {seconds} s.",
        "Das waren zu viele Versuche. Der nächste geht in {seconds} s.",
    ),
    "first.title": ("Choose a password", "Passwort wählen"),
    "first.why": (
        "From then on everybody signs in with it, on this computer too. A few words in a row are easy to"
        " remember and hard to guess.",
        "Von da an melden sich alle damit an, auch an diesem Computer. Ein paar Wörter hintereinander sind"
        " leicht zu merken und schwer zu erraten.",
    ),
    "first.password": ("New password", "Neues Passwort"),
    "first.again": ("Once more", "Noch einmal"),
    "first.submit": ("Set the password", "Passwort festlegen"),
    "first.short": (
        "It must have at least {least} letters.",
        "Es muss mindestens {least} Zeichen haben.",
    ),
    "first.different": ("The two are different.", "Die beiden sind verschieden."),
    "refused.host": (
        "This page doesn't go by that name. Whoever runs hotfolder adds it to the settings, at page.hosts.",
        "Unter diesem Namen gibt es diese Seite nicht. Wer hotfolder betreibt, trägt ihn in den Einstellungen"
        " bei page.hosts ein.",
    ),
    "refused.site": (
        "This request comes from another site, or its browser doesn't say from where. Open the page itself"
        " and try again.",
        "Diese Anfrage kommt von einer anderen Seite, oder der Browser sagt nicht, woher. Bitte die Seite"
        " selbst öffnen und es noch einmal versuchen.",
    ),
    "refused.unprotected": (
        "Others than this computer's users reach this page, and it has no password: whoever runs hotfolder"
        " sets one with `hotfolder page set-password`.",
        "Diese Seite ist von außen erreichbar und hat kein Passwort: Wer hotfolder betreibt, legt eines fest"
        " mit `hotfolder page set-password`.",
    ),
    "refused.reading": (
        "You are signed in with the password for looking. To change something, sign in with the other one.",
        "Sie sind mit dem Passwort zum Ansehen angemeldet. Zum Ändern bitte mit dem anderen anmelden.",
    ),
    "error.title": ("That didn't work", "Das hat nicht geklappt"),
    "error.back": ("Back to the overview", "Zurück zur Übersicht"),
    "error.400": ("This request can't be understood.", "Diese Anfrage ist nicht zu verstehen."),
    "error.401": ("Sign in first.", "Bitte zuerst anmelden."),
    "error.403": ("This is not allowed.", "Das ist nicht erlaubt."),
    "error.404": ("There is nothing here, or not any more.", "Hier ist nichts, oder nichts mehr."),
    "error.405": ("This address can't do that.", "Diese Adresse kann das nicht."),
    "error.413": ("That is more than is taken here.", "Das ist mehr, als hier angenommen wird."),
    "error.503": (
        "hotfolder's records can't be read just now; its log says why. Try again in a moment.",
        "Die Aufzeichnungen von hotfolder sind gerade nicht lesbar; warum, steht im Protokoll. Bitte gleich"
        " noch einmal versuchen.",
    ),
    "error.500": (
        "Something in hotfolder itself went wrong; its log says what. Nothing was lost.",
        "In hotfolder selbst ist etwas schiefgegangen; was, steht im Protokoll. Verloren ist nichts.",
    ),
}
