"""Files of small experiments with the coin, and what the coin offers."""

from svi_atlas.configuration.problem_info import ProblemInfo

INFO = ProblemInfo(("headstails", "other"), ("beta",), {"type": "object"})

BLOCK = """\
  - models: [headstails]
    guides: [{guide}]
    num_particles: [8]
    step_sizes: [0.1, 0.01]
    seeds: 2
"""

TEXT = """\
title: A coin
problem: coin
num_steps: 100
notebooks: [experiment]
figures: [verdicts]
"""


def experiment_text(guide=None, **autoguides):
    """The file of an experiment with a grid of one guide, or with none, and labelled autoguides."""
    grid = f"grid:\n{BLOCK.format(guide=guide)}" if guide else ""
    labels = "".join(f"  {label}: {{{entry}}}\n" for label, entry in autoguides.items())
    return TEXT + grid + (f"autoguides:\n{labels}" if labels else "")
