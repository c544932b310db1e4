"""What is written in a picture file besides the picture: read, changed and put elsewhere, block by block."""
