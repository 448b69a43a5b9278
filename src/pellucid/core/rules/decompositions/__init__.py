"""Functions of torch, written as calls that have rules."""
