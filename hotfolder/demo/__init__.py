"""The guided demonstration: rendered scenes, a run, a contact sheet."""
