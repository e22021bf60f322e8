"""A chain of many correlated Gaussian dimensions."""
