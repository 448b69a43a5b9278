"""Features as players."""
