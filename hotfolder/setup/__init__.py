"""Installation: the service's unit, its drop-in for one machine, and what containers need."""
