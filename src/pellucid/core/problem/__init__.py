"""What is asked, as values that run no model: problems, targets, baselines, points, attributions."""
