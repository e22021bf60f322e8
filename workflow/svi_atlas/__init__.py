"""SVI Atlas: which guide, step size and particle count can be trusted, and has the fit converged?"""

import importlib
from typing import Any

__all__ = ["fit"]


def __getattr__(name: str) -> Any:
    """`svi_atlas.fit`, whose module imports JAX, is imported only when it is asked for.

    By its name, so that it does not count as code of every job.
    """
    if name == "fit":
        return importlib.import_module("svi_atlas.fitting").fit
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
