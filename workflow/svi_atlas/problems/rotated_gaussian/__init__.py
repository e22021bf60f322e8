"""A correlated Gaussian, turned by 45 degrees."""
