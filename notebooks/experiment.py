# %% tags=["parameters"]
results = "results"
experiment = "coin"
title = "Fairness of a coin"
figures = ["loss", "verdicts"]

# %%
from IPython.display import display

from svi_atlas.report import show as nb
from svi_atlas.results.store import Results

found = Results(results, experiment)
fits = found.table()
grid = nb.grid_fits(fits)
named = fits.drop(grid.index)
display(nb.say(f"# {title}"))
display(
    nb.say(
        f"{len(fits):,} fits: {nb.several(grid['guide'], 'guide')}, "
        f"{nb.several(grid['num_particles'], 'particle count')}, "
        f"{nb.several(grid['step_size'], 'step size')} and {nb.several(grid['seed'], 'seed')}"
        + (f", and {nb.several(named['label'], 'named run')}." if len(named) else ".")
    )
)

# %% [markdown]
# ## Verdicts

# %%
by = ["model", "guide"] if fits["model"].nunique() > 1 else ["guide"]
display(nb.counts(fits, by))

# %% [markdown]
# ## The best setting of each guide
#
# The particle count and step size with the largest share of adequate seeds, then of converged ones,
# then the smallest KL divergence, then the fewest particles. The other columns are medians over the
# seeds.

# %%
display(nb.best(fits))

# %%
if grid["step_size"].nunique() > 1:
    display(nb.say(nb.SMALLER_STEP), nb.smaller_step(fits))

# %% [markdown]
# ## Figures

# %%
for name in figures:
    if name != "calibration":
        display(nb.figure(found, name))

# %%
if "calibration" in figures:
    display(nb.say(nb.CALIBRATION))
    display(nb.figure(found, "calibration"))
    display(nb.calibration(found))

# %% [markdown]
# ## Named runs

# %%
display(nb.evidence(named) if len(named) else nb.say("There are none."))

# %% [markdown]
# ## What failed or diverged

# %%
display(nb.failures(fits))

# %% [markdown]
# ## Comparison with published and exact values

# %%
display(nb.verification(found))

# %% [markdown]
# ## Reproduce and reuse

# %%
display(nb.rerun(found, more="Only what has changed runs again."), nb.downloads(found))
display(nb.provenance(found))
