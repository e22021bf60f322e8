"""What is true of a fit, measured without any limit of the verdict: for studies of its error rates."""
