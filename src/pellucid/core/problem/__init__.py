"""What is asked: values, which run no model."""
