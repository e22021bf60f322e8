# %% [markdown]
# # {{ title }}: four statements, counted
#
# Four things are often said of stochastic variational inference, also by the tutorial that this
# experiment reproduces, on the evidence of single runs. Are they true? Here each is tested on
# {{ num_fits }} fits with {{ num_seeds }} seeds per setting. The experiment itself is on
# [its own page]({{ experiment_page }}).

# %% tags=["parameters"]
spec = "results/coin/specs/notebook/statements.json"

# %%
from svi_atlas.report.notebook_page import Page

page = Page(spec)

# %% [markdown]
# ## In short
#
# - {{ smoother }}
# - {{ convergence }}
# - {{ autoguides }}
# - {{ useful }}

# %% [markdown]
# ## More particles smooth the loss
#
# For a fixed guide, the noise of a mean of $P$ draws is $1 / \sqrt{P}$ of that of one draw. The table
# gives the measured exponent, which is 0.5 if nothing else happens. It is measured over the last
# quarter of the steps from the differences of successive losses, so that a drift does not count as
# noise.

# %%
page.figure("statements.loss_noise")
page.table("statements.noise_exponents")

# %% [markdown]
# ## More particles may help convergence
#
# There are two comparisons, because a step with 32 particles costs 32 draws: one at equal numbers of
# steps, and one at equal numbers of draws.

# %%
page.figure("statements.convergence")

# %% [markdown]
# The table shows each guide at its best step size: medians over the seeds and their 10 % to 90 % range.
# *At equal draws* is where a fit stands after as many draws as the fit with the fewest particles makes
# in all.

# %%
page.table("statements.convergence_table")

# %% [markdown]
# ## Autoguides are simpler and faster
#
# Simpler they are: a class name takes the place of a function. To compare their speed, all guides below
# have the same number of particles, each at its best step size for it.

# %%
page.figure("statements.cost")
page.table("statements.cost_table")

# %% [markdown]
# ## A surrogate that roughly matches gives useful summaries
#
# How large can the error of a mean or a standard deviation be at a given KL divergence? For Gaussians
# there is a bound: a mean that is off by $\delta$ standard deviations costs at least $\delta^2 / 2$
# nats, and a standard deviation that is $r$ times the true one costs at least
# $(r^2 - 1) / 2 - \ln\, r$.

# %%
page.figure("statements.summaries")
page.table("statements.summary_table")

# %%
page.reproduce()
