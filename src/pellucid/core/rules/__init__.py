"""Backward rules for calls of torch."""
