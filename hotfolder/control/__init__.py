"""What a person can ask, once: functions that the command line and other faces call."""
