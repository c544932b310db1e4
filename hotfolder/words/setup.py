"""Words of the page that asks for the first settings."""

WORDS: dict[str, tuple[str, str]] = {
    "setup.title": ("Set up hotfolder", "hotfolder einrichten"),
    "setup.why": (
        "A few answers, and hotfolder begins. Everything else is as usual and can be changed later, in the"
        " file config.yaml.",
        "Ein paar Angaben, dann geht es los. Alles andere ist wie üblich und lässt sich später ändern, in der"
        " Datei config.yaml.",
    ),
    "setup.root": ("The folder of the photos", "Der Ordner der Fotos"),
    "setup.root_hint": (
        "As this container sees it. The folders inbox, done and failed are made in it.",
        "So, wie dieser Container ihn sieht. Darin entstehen die Ordner inbox, done und failed.",
    ),
    "setup.key": ("The Stager AI API key", "Der API-Schlüssel von Stager AI"),
    "setup.key_hint": (
        "Stager AI gives keys to business accounts, by its live chat. It is kept in a file that only"
        " hotfolder can read.",
        "Stager AI gibt Schlüssel an Geschäftskonten aus, im Live-Chat. Er liegt dann in einer Datei, die nur"
        " hotfolder lesen kann.",
    ),
    "setup.password": ("A password for the page", "Ein Passwort für die Seite"),
    "setup.password_hint": (
        "Everybody in the studio signs in with it. A few words in a row are easy to remember and hard to"
        " guess.",
        "Damit melden sich im Studio alle an. Ein paar Wörter hintereinander sind leicht zu merken und"
        " schwer zu erraten.",
    ),
    "setup.readable": (
        "This page has no https: what is typed here travels readable through your network.",
        "Diese Seite hat kein https: Was hier eingetippt wird, ist in Ihrem Netz mitzulesen.",
    ),
    "setup.submit": ("Begin", "Loslegen"),
    "setup.folder_wrong": (
        "hotfolder can't write into that folder, or it isn't there.",
        "In diesen Ordner kann hotfolder nicht schreiben, oder es gibt ihn nicht.",
    ),
    "setup.key_wrong": (
        "That can't be a key: copy it again, one line, nothing before or behind it.",
        "Das kann kein Schlüssel sein: Bitte noch einmal kopieren, eine Zeile, nichts davor oder dahinter.",
    ),
    "setup.key_refused": (
        "Stager AI refuses this key: copy it again, or ask there for a valid one.",
        "Stager AI lehnt diesen Schlüssel ab: Bitte noch einmal kopieren oder dort einen gültigen erfragen.",
    ),
    "setup.done": ("hotfolder begins", "hotfolder beginnt"),
    "setup.done_text": (
        "Drop a folder of exposures into the inbox: project, then room. What becomes of it is said there in"
        " the file STATUS.txt.",
        "Legen Sie Belichtungen in den Eingang: Ordner des Projekts, darin Raum. Was daraus wird, steht dort"
        " in der Datei STATUS.txt.",
    ),
    "setup.to_page": ("To the page, in some seconds", "Zur Seite, in einigen Sekunden"),
}
