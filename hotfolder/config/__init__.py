"""The settings: YAML, environment variables over it, and errors that say where and what to do."""
