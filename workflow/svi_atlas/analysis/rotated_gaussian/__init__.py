"""Tables of the experiment rotated_gaussian: the covariance of a correlated Gaussian."""
