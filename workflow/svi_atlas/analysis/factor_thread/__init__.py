"""Tables of the experiment factor_thread: what `numpyro.factor` means inside a guide."""
