"""Figures: each module's `draw(results) -> Figure` shows one thing. No JAX, no computing of results."""
