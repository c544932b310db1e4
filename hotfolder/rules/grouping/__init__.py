"""A flat drop becomes bracket sets: which photos belong together, on what evidence, and how sure that is."""
