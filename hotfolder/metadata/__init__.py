"""Metadata of picture files (EXIF, IPTC, XMP, ICC): read, changed and written, block by block."""
