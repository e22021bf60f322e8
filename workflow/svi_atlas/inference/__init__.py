"""Batched stochastic variational inference in JAX: guides, fits and draws from fitted guides."""
