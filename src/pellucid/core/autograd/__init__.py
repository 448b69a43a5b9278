"""Autograd's graph: dependence on the source, linear nodes, and vector-Jacobian products."""
