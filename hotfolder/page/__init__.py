"""The page for browsers: an interface to `control`, in its own process beside the daemon."""

SESSION_COOKIE = "hotfolder_session"
