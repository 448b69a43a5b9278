"""What DATA may be, one kind a file."""
