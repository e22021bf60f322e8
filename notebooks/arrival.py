# %% [markdown]
# # Does a fit arrive?
#
# {{ by_search }} {{ not_arrived }} {{ by_settings }}
#
# A fit has **arrived** if every posterior mean is within 0.1 posterior standard deviations of the reference,
# and every standard deviation within 10 %. {{ num_posteriors }} posteriors are fitted here, each with
# {{ num_seeds }}: two regressions on the same data (a year and an income as they are recorded, and
# standardised), a logistic regression with predictors in very different units, an autoregression, a mixture
# of two components, the eight schools of Rubin (1981) written in two ways, and the posteriors of the
# tutorial's four experiments.

# %% tags=["parameters"]
spec = "results/arrival/specs/notebook/arrival.json"

# %%
from svi_atlas.report.notebook_page import Page

page = Page(spec)

# %% [markdown]
# ## Which way to fit arrives
#
# All fits of the grid use a Normal with a full covariance matrix, 8 particles, Adam and 5,000 steps; only
# "flow" is an inverse autoregressive flow, with 10,000. With a constant step size a fit is either still on
# its way, or it keeps jumping about the optimum: the step size has to fall. "Cosine" lets it fall from the
# given peak to nearly zero along half a cosine wave. "Whitened" starts at the mode and measures each direction by the
# curvature there, so that a step has the same meaning for an income as for an intercept. "Search" is what
# the pipeline does for an experiment without a grid: it has no setting.

# %%
page.figure("arrival.share")

# %% [markdown]
# ## What it costs, with NUTS beside it
#
# One chain of NUTS per seed, with a dense mass matrix, is stopped after given numbers of gradient
# evaluations, its warm-up counted in. {{ raw_regression }}

# %%
page.figure("arrival.cost")

# %% [markdown]
# What the search ended with, and NUTS at the budget nearest to what the search spent. Errors are the largest
# of all means, in posterior standard deviations, medians over the seeds; costs are those of one fit or one
# chain, seconds without compilation.

# %%
page.table("arrival.searches")

# %% [markdown]
# ## Where no Normal can arrive
#
# In the centred form of the eight schools the spread of the effects and the effects themselves make a
# funnel: where the spread is small, so must be the effects. No scale fits both its mouth and its neck, and
# the posterior's mode has no spread at all. {{ funnel }} The non-centred form describes the same posterior
# without the funnel, though not by a Normal either.

# %% [markdown]
# ## Counts

# %%
page.table("arrival.arrival_counts")

# %%
page.closing()
