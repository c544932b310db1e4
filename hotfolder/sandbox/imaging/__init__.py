"""The sandbox's imaging: a merge, a sky and a lawn that are really made, offline, from the pixels alone."""
