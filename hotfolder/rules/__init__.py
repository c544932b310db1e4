"""The rules: pure functions that decide what is made of each set."""
