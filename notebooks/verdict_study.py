# %% [markdown]
# # How often is a verdict wrong?
#
# A verdict is worth as much as its error rate is low. Here {{ num_fits }} fits to {{ num_posteriors }}
# posteriors are judged, {{ num_with_data }} of them from posteriordb. The posteriors were listed before the
# first fit was made. Four of them had a part in earlier choices (see "Without posteriors that were seen before"),
# the comparison of tail probabilities replaced another one after a first run, and three more choices were made on these
# fits (docs/decisions/verdicts.md). The experiment `verdict_holdout` has the rates on posteriors kept aside
# (docs/verdict_rates.md).
#
# **With a reference**, of the averaged iterates,
#
# - {{ reference_wrong_called }} of {{ reference_wrong }} **wrong** fits are called adequate:
#   {{ reference_false }} as a mean over posteriors, with a 95 % interval. The target is at most
#   {{ reference_max_false }}: {{ reference_false_met }};
# - {{ reference_right_called }} of {{ reference_right }} **right** fits are called adequate:
#   {{ reference_true }}. The target is at least {{ reference_min_true }}: {{ reference_true_met }}.
#
# **By self-check alone**, without the reference,
#
# - {{ self_wrong_called }} of {{ self_wrong }} wrong fits are called adequate: {{ self_false }}. The target is
#   at most {{ self_max_false }}: {{ self_false_met }};
# - {{ self_right_called }} of {{ self_right }} right fits are called adequate: {{ self_true }}. The target is at
#   least {{ self_min_true }}: {{ self_true_met }}.

# %% tags=["parameters"]
spec = "results/verdict_study/specs/notebook/verdict_study.json"

# %%
from svi_atlas.report.notebook_page import Page

page = Page(spec)

# %% [markdown]
# ## The truth
#
# The true error of a fit is measured with 10,000 fresh draws against the posterior: the largest error of a mean
# (in posterior standard deviations), of the logarithm of a standard deviation and, halved, of a 5 or 95 %
# quantile, over all components and 50 random linear combinations. A fit is **wrong** if its error exceeds
# {{ wrong_error }}. It is **right** if its error is at most {{ right_error }} and its ELBO is within
# {{ right_gap }} nats of the best that any fit of the same guide has, the best fit polished by L-BFGS on fixed
# draws. Fits in between count as neither. These numbers say what a user needs; they are not the limits of the
# verdict.

# %%
page.table("verdict_study.by_posterior")

# %% [markdown]
# ## How the verdict depends on the true error

# %%
page.figure("verdict_study.adequate_by_error")
page.table("verdict_study.by_error")

# %% [markdown]
# ## The verdict beside the usual rules
#
# A loss that *looks flat* changes by less than 1 % between the last two tenths of the run. *Stan ADVI*
# stops when the mean or the median of the last ten relative changes of the ELBO is below 1 %
# (Kucukelbir et al. 2017); this depends on the size of the ELBO, and so on the evidence, which the synthetic
# densities have at -20 nats. *PyMC* stops when no parameter changes by more than 0.1 % in 100 steps; *FASO* when
# R-hat is at most 1.1 and the effective sample size is above 25 (Welandawe et al. 2022), here without its limit
# of the Monte Carlo error. None of them sees a reference, and apart from k-hat they ask only whether a fit has
# converged. Rates are means over posteriors.

# %%
page.figure("verdict_study.rates")
page.table("verdict_study.rules")

# %% [markdown]
# ## The verdict by size of the guide

# %%
page.table("verdict_study.sizes")

# %% [markdown]
# ## Without posteriors that were seen before
#
# The non-centred eight schools were used to decide how far noise may widen a limit, ten pairs of overlapping modes
# to set the limit of the KL divergence; the t density with 6 degrees and the logarithm of a Gamma(4) variate were part of
# an earlier study. Without these four:

# %%
page.table("verdict_study.unseen")

# %% [markdown]
# ## Where the verdict is wrong
#
# Wrong fits that are called adequate, the largest errors first, and one right fit of each posterior and guide
# that is not called adequate.

# %%
page.table("verdict_study.wrong_verdicts")

# %% [markdown]
# The rates are in `rates.csv`, what is known of every fit in `study.parquet`.

# %%
page.closing()
