"""Jobs: their states, the store, the ledger of paid calls, and the engine that drives them."""
