"""The Stager AI API: its vocabulary and its clients."""
