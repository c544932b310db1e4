"""What a running daemon tells people and machines about itself."""
