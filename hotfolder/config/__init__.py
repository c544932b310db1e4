"""Settings: YAML, environment variables, and errors that point at the line."""
