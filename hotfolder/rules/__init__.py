"""What happens to which set: pure decisions."""
