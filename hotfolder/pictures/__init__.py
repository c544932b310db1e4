"""Reading picture files: whole or not, and what they say of themselves."""
