"""What photographers install in Lightroom Classic and darktable: a plug-in, export presets, a Lua script."""
