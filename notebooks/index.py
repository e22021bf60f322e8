# %% tags=["parameters"]
results = "results"
experiments = {"coin": "Fairness of a coin"}

# %% [markdown]
# # SVI Atlas
#
# Stochastic variational inference replaces a posterior $p$ by the member $q$ of a family, the
# guide, that maximises a bound on the log evidence, the ELBO. The number minimised is the *loss*,
# minus the ELBO. Each page below fits one problem with a grid of guides, particle counts (draws per
# estimate of the loss), step sizes and seeds, and asks of every single fit two questions:
#
# 1. **Converged?** Has the optimiser reached the best member of the guide's family?
# 2. **Adequate?** Is what it reached close to the posterior?
#
# The answers make one verdict a fit, and every verdict carries its evidence.

# %%
import pandas as pd
from IPython.display import HTML, display

from svi_atlas.report import notebook as nb
from svi_atlas.store import Results

of = {name: Results(results, name) for name in experiments}
fits = {name: found.table() for name, found in of.items()}

# %% [markdown]
# | verdict | meaning |
# |---|---|
# | <span class="verdict failed">failed</span> | the model or the guide raised an error; its message is kept |
# | <span class="verdict diverged">diverged</span> | losses or parameters are not finite, or the loss falls without bound |
# | <span class="verdict not_converged">not converged</span> | still drifting, or jumping about the optimum |
# | <span class="verdict inadequate">inadequate</span> | converged, but not close to the posterior |
# | <span class="verdict adequate">adequate</span> | converged and close to the posterior |

# %% [markdown]
# ## The experiments

# %%
rows = []
for name, title in experiments.items():
    counted = fits[name]["verdict"].value_counts()
    link = HTML(f'<a href="{name}.html">{title}</a>')
    rows.append({"page": link, **{verdict: counted.get(verdict, 0) for verdict in nb.ORDER}})
    rows[-1]["all"] = len(fits[name])
headings = {verdict: verdict.replace("_", " ") for verdict in nb.ORDER}
display(nb.table(pd.DataFrame(rows), {"page": "page", **headings, "all": "all fits"}))

# %% [markdown]
# ## The best setting of each guide
#
# The particle count and step size with the largest share of adequate seeds; ties go to the smaller
# KL divergence. KL, error of the mean (in posterior standard deviations) and ratio of standard
# deviations are medians over the seeds.

# %%
for name, title in experiments.items():
    display(HTML(f'<h3><a href="{name}.html">{title}</a></h3>'), nb.best(fits[name]))

# %% [markdown]
# ## What failed or diverged

# %%
for name, title in experiments.items():
    display(HTML(f"<h3>{title}</h3>"), nb.failures(fits[name]))

# %% [markdown]
# ## What differs from the published and exact values

# %%
for name, title in experiments.items():
    display(HTML(f"<h3>{title}</h3>"), nb.verification(of[name], only_differing=True))

# %% [markdown]
# ## Where the numbers come from

# %%
for name, title in experiments.items():
    display(HTML(f"<h3>{title}</h3>"), nb.provenance(of[name]))
