"""What `numpyro.factor` means inside a guide."""
