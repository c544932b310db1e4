"""The daemon: constructs and wires everything."""
