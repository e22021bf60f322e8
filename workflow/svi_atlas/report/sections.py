"""Sections that pages share: functions that return what to display.

Their parameters name what they read, as those of an analysis do.
"""

from __future__ import annotations

import pandas as pd
from IPython.display import HTML, Markdown

from svi_atlas.report import html
from svi_atlas.report.comparison import comparison_table

Display = HTML | Markdown

SMALLER_STEP = """\
### What would a smaller step size gain?

The ELBO that the averaged iterate still lacks, at the best setting of each guide, is known in two ways.
The *forecast* comes from the symmetrised KL divergences between the averaged iterates at successive step
sizes, which fall with a power of the step size (RABVI, Welandawe et al. 2022); only pairs of step sizes
at which the parameters are at rest are used. The *measured* value is half the squared length of the ELBO's
gradient in the metric of the guide's Fisher matrix; a negative estimate is zero within its error. Where
the forecast is the smaller of the two, more steps would help more than smaller steps.
"""

SEARCH = """\
## What the search tried

Families of guides are tried from cheap to expressive, whitened by the Laplace approximation where that is
usable. Within each, settings (particles and the peak of a step size that falls as a cosine) are tried with a
few seeds; the worse half is given up and the others are tried with twice as many steps, until one arrives.
All seeds are then fitted with it until they arrive or the budget is used. The first family that is
adequate for at least 95 % of its seeds ends the search.
"""

CALIBRATION = """\
## Are the fits calibrated?

Are the fits right on average over data sets like this one? Parameters are drawn from the prior, data
from the model given these parameters, and the guide is refitted to each data set. If the guide were the
exact posterior, the probability of a draw below the true value would be uniform over the data sets. There
are two tests; their p-values are corrected for the number of parameters (Holm), and deviations are
reported at the 1 % level:

- *symmetry* (Yao et al. 2018): is the guide too low or too high on average? A guide that is only too
  narrow or too wide passes.
- *uniformity*: any deviation. The spread is the variance of the probabilities divided by that of a uniform
  distribution: above 1 the guide is too narrow (overconfident), below 1 it is too wide.

Finding no deviation proves little: small deviations need more simulations, and a guide that ignores the
data and stays at the prior is calibrated too.
"""


def forecast(smaller_step: pd.DataFrame) -> list[Display]:
    """What a smaller step size would gain; nothing if there is one step size."""
    if smaller_step.empty:
        return []
    return [Markdown(SMALLER_STEP), HTML(html.table(smaller_step, digits=2))]


def search(search_families: pd.DataFrame, advice: pd.DataFrame) -> list[Display]:
    """What a search tried, what it found, and what to try next if that is not good enough."""
    sentences = "\n\n".join(advice["sentence"])
    return [Markdown(SEARCH), HTML(html.table(search_families)), Markdown(sentences)]


def calibration(sbc_tests: pd.DataFrame) -> list[Display]:
    """The tests of simulation-based calibration."""
    return [Markdown(CALIBRATION), HTML(html.table(sbc_tests))]


def comparison(verification: pd.DataFrame) -> list[Display]:
    """This run beside the published and exact values."""
    if verification.empty:
        return [Markdown("There are no published or exact values for this experiment.")]
    return [HTML(html.table(comparison_table(verification), digits=6))]


def failed(failures: pd.DataFrame) -> list[Display]:
    """The fits that failed, with their messages, and those that diverged."""
    if failures.empty:
        return [Markdown("No fit failed and none diverged.")]
    return [HTML(html.table(failures))]


def provenance_table(provenance: pd.DataFrame) -> list[Display]:
    """Where the numbers come from: data, reference, device, package versions, cost."""
    return [HTML(html.table(provenance))]
