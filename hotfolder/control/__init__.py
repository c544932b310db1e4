"""The operations that people can ask for: functions called by the command line, the page and other faces."""
