"""The page for browsers: a face of `control`, in a process of its own beside the daemon."""

SESSION_COOKIE = "hotfolder_session"
