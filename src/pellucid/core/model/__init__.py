"""The user's model: what is known of it, its layers, one forward pass through it, and its isolation."""
