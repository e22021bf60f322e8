# %% [markdown]
# # {{ title }}
#
# {{ answer }}
#
# {{ overview }}

# %% tags=["parameters"]
spec = "results/coin/specs/notebook/experiment.json"

# %%
from svi_atlas.report.notebook_page import Page

page = Page(spec)

# %% [markdown]
# ## Verdicts

# %%
page.table("general.verdict_counts")

# %% [markdown]
# ## The posterior
#
# {{ posterior_of }}

# %%
page.figure("posterior")
page.table("general.posterior")

# %% [markdown]
# ## The best setting of each guide
#
# The particle count and step size with the largest share of adequate seeds, then of converged ones,
# then the smallest KL divergence, then the fewest particles. The other columns are medians over the
# seeds.

# %%
page.table("general.best_settings")

# %%
page.section("search")

# %%
page.section("forecast")

# %% [markdown]
# ## Figures

# %%
page.other_figures()

# %%
page.section("calibration")

# %% [markdown]
# ## Single fits
#
# {{ single_fits }}

# %%
page.table("general.single_fits")

# %%
page.closing()
