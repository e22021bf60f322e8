# %% tags=["parameters"]
results = "results"
experiment = "verdict_study"
title = "How often is a verdict wrong?"
figures = ["rates", "verdicts"]

# %%
from IPython.display import display

from svi_atlas.plots.rates import FEWEST_RIGHT, MOST_WRONG
from svi_atlas.report import show as nb
from svi_atlas.results.store import Results, read_table

found = Results(results, experiment)
fits, rates = found.table(), found.rates()
truth = read_table(found.layout.truth(experiment))
of_report = rates[rates["split"] == "held_out"].set_index("rule")
ours = of_report.loc["verdict"]
n = nb.number


def percent(rate, low, high):
    return f"{n(100 * rate)} % ({n(100 * low, 2)} to {n(100 * high, 2)})"


def rate(row, kind):
    return percent(row[f"{kind}_rate"], row[f"{kind}_rate_low"], row[f"{kind}_rate_high"])


def met(holds):
    return "met" if holds else "**missed**"


display(nb.say(f"# {title}"))
display(
    nb.say(
        f"A verdict is worth what its error rate is. Here {len(fits):,} fits, short and long ones of "
        f"{fits['guide'].nunique()} guides, are judged on {fits['model'].nunique()} densities whose "
        "answers are known exactly. On half of the densities the thresholds were chosen; the other "
        "half only reports:"
    )
)
display(
    nb.say(
        f"- of {ours['wrong']:,} **wrong** fits (not converged, or inadequate) "
        f"{ours['wrong_called_adequate']:,} are called adequate: {rate(ours, 'wrong')}, with a 95 % "
        f"interval; at most {100 * MOST_WRONG:g} % is the target, {met(ours['wrong_rate'] <= MOST_WRONG)};\n"
        f"- of {ours['right']:,} **right** fits {ours['right_called_adequate']:,} are called adequate: "
        f"{rate(ours, 'right')}; at least {100 * FEWEST_RIGHT:g} % is the target, "
        f"{met(ours['right_rate'] >= FEWEST_RIGHT)}."
    )
)

# %% [markdown]
# ## The truth
#
# Each density has a guide family whose best member is known: in closed form for Gaussians (a mean-field
# guide keeps the conditional variances, Bishop 2006, 10.1.2), by quadrature in one dimension. A fit is
# **right** when two things hold. It has *converged*: its KL divergence from its family's optimum (the
# nearer one, where two are equally good) is at most the threshold `elbo_gap`, per parameter of the guide.
# And the family is *adequate*: that optimum has the posterior's means and standard deviations within
# the thresholds. Neither uses a random draw, and neither is used by the verdict.

# %%
right = fits.assign(**truth[["is_converged", "is_adequate", "is_right"]])
by = right.groupby(["model", "guide"], sort=False)
summary = by.agg(
    fits=("seed", "size"),
    is_converged=("is_converged", "sum"),
    is_adequate=("is_adequate", "first"),
    is_right=("is_right", "sum"),
    called=("verdict", lambda verdict: (verdict == "adequate").sum()),
).reset_index()
display(
    nb.table(
        summary,
        {
            "model": "density", "guide": "guide", "fits": "fits", "is_converged": "converged",
            "is_adequate": "family adequate?", "is_right": "right", "called": "called adequate",
        },
    )
)  # fmt: skip

# %% [markdown]
# ## The verdict beside the usual ways
#
# A loss that *looks flat* changes by less than 1 % between the last two tenths of the run. *Stan ADVI*
# stops when the mean or the median of the last ten relative changes of the ELBO is below 1 %
# (Kucukelbir et al. 2017); *PyMC* when no parameter changes by more than 0.1 % in 100 steps; *FASO* when
# R-hat is at most 1.1 and the effective sample size above 25 (Welandawe et al. 2022). "Alone" is one
# statistic of the verdict against its own limit. All but the verdict ask one of two questions only, and
# it shows: they cannot tell a settled fit from a right one.

# %%
if "rates" in figures:
    caption = (
        "Left: how often a wrong fit is called adequate; right: how often a right fit is. Shaded: the "
        "targets. Bars: exact 95 % intervals."
    )
    display(nb.figure(found, "rates", caption))
shown = rates.assign(
    wrong_share=[rate(row, "wrong") for _, row in rates.iterrows()],
    right_share=[rate(row, "right") for _, row in rates.iterrows()],
)
headings = {
    "rule": "rule", "wrong": "wrong", "wrong_called_adequate": "called adequate",
    "wrong_share": "rate", "right": "right", "right_called_adequate": "called adequate ",
    "right_share": "rate ",
}  # fmt: skip
display(nb.say("**Half for reporting**"), nb.table(shown[shown["split"] == "held_out"], headings))
display(nb.say("**Half for choosing**"), nb.table(shown[shown["split"] == "tuning"], headings))

# %% [markdown]
# ## Where the verdict is wrong

# %%
wrong = right[(right["verdict"] == "adequate") != right["is_right"]].assign(
    distance=truth["distance"]
)
names = {
    "model": "density", "guide": "guide", "num_particles": "particles", "step_size": "step size",
    "seed": "seed", "is_right": "right?", "distance": "left to gain, exact",
    "elbo_gap": "estimated", "elbo_gap_se": "its error", "reason": "reason",
}  # fmt: skip
display(
    nb.table(wrong.head(20).astype({"step_size": float}), names)
    if len(wrong)
    else nb.say("It is wrong for no fit of this run.")
)
if len(wrong) > 20:
    display(nb.say(f"The first 20 of {len(wrong)}."))

# %% [markdown]
# ## Verdicts of all settings

# %%
display(nb.counts(fits, ["model", "guide"]))
if "verdicts" in figures:
    display(nb.figure(found, "verdicts"))

# %% [markdown]
# ## Comparison with exact values

# %%
display(nb.verification(found))

# %% [markdown]
# ## Reproduce and reuse

# %%
files = "The rates are in `rates.csv`, the exact distances in `truth.parquet`."
display(nb.rerun(found, more=files))
display(nb.downloads(found))
display(nb.provenance(found))
