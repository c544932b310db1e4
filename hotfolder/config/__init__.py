"""The settings: a YAML file, overridden by environment variables; errors have a position and a remedy."""
