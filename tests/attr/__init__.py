"""Of Captum's names that no method stands behind."""
