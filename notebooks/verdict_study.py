# %% [markdown]
# # How often is a verdict wrong?
#
# A verdict is worth as much as its error rate is low. Here {{ num_fits }} fits of {{ num_guides }} guides,
# short and long ones, are judged on {{ num_densities }} densities whose answers are known exactly. The
# thresholds were tuned on half of the densities; on the other half, which was held out,
#
# - of {{ wrong }} **wrong** fits (not converged, or inadequate), {{ wrong_called_adequate }} are called
#   adequate: {{ wrong_rate }}, with an exact 95 % interval. The target is at most {{ max_wrong }}:
#   {{ max_wrong_is_met }};
# - of {{ right }} **right** fits, {{ right_called_adequate }} are called adequate: {{ right_rate }}. The
#   target is at least {{ min_right }}: {{ min_right_is_met }}.

# %% tags=["parameters"]
spec = "results/verdict_study/specs/notebook/verdict_study.json"

# %%
from svi_atlas.report.notebook_page import Page

page = Page(spec)

# %% [markdown]
# ## The truth
#
# Each density has a guide family whose best member is known: in closed form for Gaussians (a mean-field
# guide keeps the conditional variances, Bishop 2006, 10.1.2), by quadrature in one dimension. A fit is
# **right** if two things hold. It has *converged*: its KL divergence from its family's optimum (the
# nearer one, where two are equally good) is at most the threshold `elbo_gap`, per parameter of the
# guide. And the family is *adequate*: the means and standard deviations of that optimum are those of the
# posterior, within the thresholds. Neither uses a random draw, and the verdict uses neither.

# %%
page.table("verdict_study.truth_by_guide")

# %% [markdown]
# ## The verdict beside the usual rules
#
# A loss that *looks flat* changes by less than 1 % between the last two tenths of the run. *Stan ADVI*
# stops when the mean or the median of the last ten relative changes of the ELBO is below 1 %
# (Kucukelbir et al. 2017); *PyMC* when no parameter changes by more than 0.1 % in 100 steps; *FASO* when
# R-hat is at most 1.1 and the effective sample size is above 25 (Welandawe et al. 2022). "Alone" is one
# statistic of the verdict with its own limit. All but the verdict ask only one of the two questions, and
# it shows: they cannot tell a settled fit from a right one.
#
# The comparison is not one of equals. The verdict is given the exact answer as its reference, which the
# other rules never see. "Verdict without the reference" judges the same fits by what they say themselves:
# their optimality gap, their importance weights and the other seeds.

# %%
page.figure("rates")

# %% [markdown]
# **Held-out densities**

# %%
page.table("verdict_study.held_out_rates")

# %% [markdown]
# **Densities used for tuning**

# %%
page.table("verdict_study.tuning_rates")

# %% [markdown]
# ## Where the verdict is wrong
#
# The gap is the ELBO still to be gained within the guide's family, in nats per parameter.
#
# {{ list_of_wrong }}

# %%
page.table("verdict_study.wrong_verdicts")

# %% [markdown]
# ## Verdicts of all settings

# %%
page.table("general.verdict_counts")
page.figure("verdicts")

# %% [markdown]
# The rates are in `rates.csv`, the exact distances in `truth.parquet`.

# %%
page.closing()
