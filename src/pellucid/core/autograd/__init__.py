"""The graph that autograd records: what depends on what, what is linear, gradients passed back."""
