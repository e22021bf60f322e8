"""The exact posterior of the coin against the fitted guides and the posterior of the origin."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from svi_atlas.plots import _style
from svi_atlas.plots.coin._densities import density, typical_fits
from svi_atlas.results.store import Results

TUTORIAL_RUN = "tutorial_beta_1_particle"


def draw(results: Results) -> Figure:
    """Left the densities, right their difference to the exact one.

    Shown of each guide is the fit with the median KL of its best setting.
    """
    table, reference, data = results.table(), results.reference(), results.data()
    heads = float(data["obs"].sum())
    tails = data["obs"].size - heads
    fairness = reference["grid.latent_fairness"].to_numpy()[1:-1]
    exact = reference["density.latent_fairness"].to_numpy()[1:-1]
    wrong = stats.beta.pdf(fairness, heads, tails)
    figure, ((left, right),) = _style.panels(1, 2, (9.2, 3.9))
    left.fill_between(fairness, exact, color="#d9d9d9", lw=0, label=_exact_name(heads, tails))
    curves: list[tuple[str, np.ndarray, str, Any]] = [
        (f"Beta({heads:g}, {tails:g}), the origin's “truth”", wrong, _style.WRONG, (0, (4, 2))),
    ]
    for guide, fit in typical_fits(table).items():
        label = (
            f"{guide}: step {_style.plain_number(fit['step_size'])}, "
            f"{_style.particles(fit['num_particles'])}"
        )
        curve = density(guide, fit, fairness)
        curves.append((label, curve, _style.guide_colour(guide), "-"))
    origin = table[table["label"] == TUTORIAL_RUN]
    if len(origin) and origin.iloc[0]["verdict"] != "failed":
        curve = density("beta", origin.iloc[0], fairness)
        colour = _style.guide_colour("beta")
        curves.append(("beta: the origin's run, 1 particle", curve, colour, (0, (1, 1.2))))
    for label, curve, colour, dashes in curves:
        left.plot(fairness, curve, color=colour, ls=dashes, lw=1.3, label=label)
        right.plot(fairness, curve - exact, color=colour, ls=dashes, lw=1.3)
    right.axhline(0, color=_style.EXACT, lw=0.8)
    left.set_ylim(0)
    left.set_title("density")
    right.set_title("density minus exact density")
    for axes in (left, right):
        axes.set_xlim(0.1, 1.0)
        axes.set_xlabel("fairness f (probability of heads)")
    figure.legend(loc="outside lower center", ncols=2, handles=left.get_legend_handles_labels()[0])
    return figure


def _exact_name(heads: float, tails: float) -> str:
    return f"exact posterior Beta({heads + 1:g}, {tails + 1:g})"
