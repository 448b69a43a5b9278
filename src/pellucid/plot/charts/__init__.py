"""The charts: plain data, and where their marks are; one kind a file."""
