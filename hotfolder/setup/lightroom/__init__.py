"""What photographers install in Lightroom Classic: a plug-in and export presets."""
