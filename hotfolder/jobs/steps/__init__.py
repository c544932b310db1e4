"""The steps of a job, one for each active state. Every step is idempotent."""
