"""Reading picture files: completeness, facts, developing, renditions; in a child process."""
