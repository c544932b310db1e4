"""The service's unit, as it is shipped, and what suits it to one machine's folders and user."""
