"""From files that somebody drops to settled bracket sets."""
