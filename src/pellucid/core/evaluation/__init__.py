"""Asking it: the function that a method evaluates, its gradients, and sums over many points."""
