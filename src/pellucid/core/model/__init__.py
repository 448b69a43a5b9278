"""A user's model: what can be seen of it, one forward through it, and leaving it as it was found."""
