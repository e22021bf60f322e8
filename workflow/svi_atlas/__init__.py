"""SVI Atlas: which guide, step size and particle count can be trusted, and has the fit converged?"""

from typing import Any

__all__ = ["fit"]


def __getattr__(name: str) -> Any:
    """`svi_atlas.fit` imports JAX, and only when it is asked for."""
    if name == "fit":
        from svi_atlas.fitting import fit

        return fit
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
