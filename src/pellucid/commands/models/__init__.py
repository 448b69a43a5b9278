"""What MODEL may be, one kind a file."""
