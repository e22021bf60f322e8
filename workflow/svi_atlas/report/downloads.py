"""Links to the data behind a page."""

from __future__ import annotations

FILES = {
    "fits.csv": "one row per fit, with its verdict",
    "fits.parquet": "the same for pandas",
    "verification.csv": "the comparison with published and exact values",
    "data.nc": "the data",
    "reference.nc": "the reference posterior",
}


def downloads(experiment: str) -> str:
    """A list of links, relative to the folder of the report."""
    items = "".join(
        f'<li><a href="../{experiment}/{name}">{name}</a>: {meaning}</li>'
        for name, meaning in FILES.items()
    )
    return f"<ul>{items}</ul>"
