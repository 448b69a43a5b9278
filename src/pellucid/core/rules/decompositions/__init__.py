"""Functions of torch in steps that have rules."""
