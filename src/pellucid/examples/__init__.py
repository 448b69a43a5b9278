"""Five worked cases: what a small network learnt from a table, and why it predicts what it predicts."""
