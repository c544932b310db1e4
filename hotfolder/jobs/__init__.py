"""Jobs: their states, the store, the purchases with their journal, and the worker that drives them."""
