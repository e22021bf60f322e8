"""The file of a small experiment with the coin, and what the coin offers."""

from svi_atlas import problems
from svi_atlas.configuration.problem_info import ProblemInfo

COIN = problems.load("coin")
INFO = ProblemInfo(
    tuple(COIN.models),
    tuple(COIN.guides),
    COIN.data_schema,
    schedules=("halved",),
    sites={"headstails": ("latent_fairness", "obs")},
)

GOOD = """\
title: A coin
problem: coin
data: {heads: 12, tails: 8}
num_steps: 100
grid:
  - guides: [beta, AutoNormal]
    num_particles: [1, 8]
    step_sizes: [1e-3, 0.01]
    seeds: 3
"""

SINGLE = """\
single:
  tutorial: {guide: beta, num_particles: 1, step_size: 5e-4, seed: 7}
"""

SBC = """\
sbc:
  good: {guide: beta, num_particles: 1, step_size: 0.01}
"""


def replaced(text, old, new):
    """The text with the one occurrence of `old` replaced."""
    assert text.count(old) == 1
    return text.replace(old, new)
