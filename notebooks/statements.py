# %% tags=["parameters"]
results = "results"
experiment = "coin"
title = "Fairness of a coin"
figures = ["statements.loss_noise"]

# %%
import json

import numpy as np
import pandas as pd
from IPython.display import display

from svi_atlas.plots import _fits
from svi_atlas.plots.statements import _common, convergence, cost, loss_noise
from svi_atlas.report import show as nb
from svi_atlas.results.store import Results

found = Results(results, experiment)
fits = found.table()
grid = nb.grid_fits(fits)
families = _fits.families(fits)
sampled = [family for family in families if family.guide not in _fits.POINT_GUIDES]
compared = _common.by_particles(families)
several = grid["model"].nunique() > 1
n = nb.number


def show(name, caption=None):
    if name in figures:
        display(nb.figure(found, name, caption))


def of(family):
    """The fits of a family that neither failed nor diverged."""
    return _common.of(_common.counted(fits), family)


def named(family):
    """The first columns of a table's row."""
    return {"guide": family.guide} | ({"model": family.model} if several else {})


def over_seeds(values, digits=2):
    """Median and 10 to 90 % range."""
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if values.size == 0:
        return nb.MISSING
    low, middle, high = np.quantile(values, (0.1, 0.5, 0.9))
    return f"{n(middle, digits)} ({n(low, digits)} to {n(high, digits)})"


def share(part, whole):
    """A share with its binomial standard error, in percent."""
    if whole == 0:
        return nb.MISSING
    p = part / whole
    return f"{nb.measured(100 * p, 100 * np.sqrt(p * (1 - p) / whole))} %"


per_setting = grid.groupby(["model", "guide", "label", "step_size"]).size()
seeds = " or ".join(str(count) for count in sorted(per_setting.unique()))
display(nb.say(f"# {title}: four statements, counted"))
display(
    nb.say(
        "Four things are often said of stochastic variational inference, by the origin of these "
        f"experiments too, from single runs. Here each is held against {len(grid):,} fits with "
        f"{seeds} seeds a setting. The experiment itself is on "
        f"[its own page]({experiment}.html)."
    )
)

# %%
ratios = []
for family in compared:
    noise = loss_noise.noise_by_setting(found, fits, family)
    for step_size in sorted({step_size for _, step_size in noise}):
        counts = sorted(count for count, other in noise if other == step_size)
        few, many = (noise[count, step_size] for count in (counts[0], counts[-1]))
        both = np.isfinite(few) & np.isfinite(many) & (few > 0) & (many > 0)
        if len(counts) < 2 or not both.any():
            continue
        exponent = np.log(few[both] / many[both]) / np.log(counts[-1] / counts[0])
        ratios.append({
            **named(family), "step size": f"{step_size:g}", "few": over_seeds(few[both]),
            "many": over_seeds(many[both]), "counts": f"{counts[0]}, {counts[-1]}",
            "exponent": over_seeds(exponent), "median": float(np.median(exponent)),
            "error": 1.25 * exponent.std() / np.sqrt(len(exponent)),
        })  # fmt: skip
ratios = pd.DataFrame(ratios)

leak = json.loads(fits.attrs["spec"])["thresholds"]["outside_support"]
settings = _common.counted(fits)
settings = settings[settings["guide"].isin([family.guide for family in sampled])]
changes = []
for _, rows in settings.groupby(["model", "guide", "step_size"], sort=False):
    counts = sorted(rows["num_particles"].unique())
    if len(counts) > 1:
        good = rows.assign(good=rows["verdict"] == "adequate").groupby("num_particles")["good"]
        few, many = (good.mean()[count] for count in (counts[0], counts[-1]))
        changes.append((few, many, good.count()[counts[0]], good.count()[counts[-1]]))
changes = np.array(changes).reshape(-1, 4)
spread = np.sqrt(
    changes[:, 0] * (1 - changes[:, 0]) / changes[:, 2]
    + changes[:, 1] * (1 - changes[:, 1]) / changes[:, 3]
)
gain = changes[:, 1] - changes[:, 0]

courses, lower, higher, tried = [], 0, 0, 0
for family in compared:
    step_size = convergence.best_step_size(fits, family)
    if step_size is None:
        continue
    levels = convergence.levels(found, family, step_size)
    for count, (at_end, at_draws) in levels.items():
        here = of(family)
        here = here[(here["num_particles"] == count) & np.isclose(here["step_size"], step_size)]
        courses.append({
            **named(family), "particles": count, "step size": f"{step_size:g}",
            "adequate": f"{int((here['verdict'] == 'adequate').sum())} of {len(here)}",
            "kl": over_seeds(here["kl"]) if "kl" in here else nb.MISSING,
            "end": over_seeds(at_end), "draws": over_seeds(at_draws),
        })  # fmt: skip
    if len(levels) > 1:
        few, many = levels[min(levels)][1], levels[max(levels)][1]
        change = np.nanmedian(many) - np.nanmedian(few)
        error = 1.25 * np.sqrt(np.nanvar(many) / many.size + np.nanvar(few) / few.size)
        tried += 1
        lower += int(change < -2 * error)
        higher += int(change > 2 * error)

known = _common.with_kl(fits, leak)
usable = (known["mean_error"] <= 0.1) & ((known["sd_ratio"] - 1).abs() <= 0.1)

# %% [markdown]
# ## In short

# %%
points = []
if len(ratios):
    faster = int((ratios["median"] > 0.5 + 2 * ratios["error"]).sum())
    points.append(
        "*More particles smooth the loss.* **Supported**: in "
        f"{int((ratios['median'] > 0.25).sum())} of {len(ratios)} settings the noise falls clearly. "
        f"**Refined**: in {faster} it falls faster than one over the square root of their number, "
        "since with less noise in the gradient the iterate also stays closer to the optimum, where "
        "the loss of a good guide has less noise of its own."
    )
if len(changes):
    better, worse = int((gain > 2 * spread).sum()), int((gain < -2 * spread).sum())
    points.append(
        f"*More particles may help convergence.* At equal steps, from the fewest to the most "
        f"particles, the share of adequate fits rises by more than two errors in {better} of "
        f"{len(gain)} settings and falls in {worse}; elsewhere it hardly changes, mostly because the "
        "step size is wrong for any number. After equal numbers of *draws*, at each guide's best "
        f"step size, the loss is lower with the most particles for {lower} of {tried} guides and "
        f"higher for {higher} ([see below](#more-particles-may-help-convergence)): particles pay once a fit has "
        "arrived and only its noise is left, steps pay on the way there."
    )
automatic = grid["guide"].str.startswith("Auto")
adequate = grid["verdict"] == "adequate"
shares = {
    kind: (adequate[rows].sum(), rows.sum())
    for kind, rows in ((True, automatic), (False, ~automatic))
}
points.append(
    "*Autoguides are simpler and faster.* "
    + (
        f"{share(*shares[True])} of the fits of autoguides are adequate, {share(*shares[False])} of "
        "those of guides written by hand; what they cost is [below](#autoguides-are-simpler-and-faster)."
        if (~automatic).any()
        else f"{share(*shares[True])} of their fits are adequate; they differ more among themselves than "
        "the statement allows for, in accuracy and in cost: "
        "[see below](#autoguides-are-simpler-and-faster)."
    )
)
if len(known):
    close = known["kl"] < 0.01
    rough = (known["kl"] >= 0.1) & (known["kl"] < 1)
    points.append(
        "*A surrogate that roughly matches gives useful summaries.* Of the fits with a KL divergence "
        f"under 0.01 nats {share(usable[close].sum(), close.sum())} have every mean within 0.1 posterior "
        "standard deviations and every standard deviation within 10 %; between 0.1 and 1 nat it is "
        f"{share(usable[rough].sum(), rough.sum())}."
    )
display(nb.say("\n".join(f"- {point}" for point in points)))

# %% [markdown]
# ## More particles smooth the loss
#
# The noise of a mean of $P$ draws is $1 / \sqrt{P}$ of that of one, for a fixed guide. The table
# gives the exponent found: 0.5 if that is all there is to it. It is measured over the last quarter
# of the steps from the differences of successive losses, so that a drift does not count as noise.

# %%
show(
    "statements.loss_noise",
    "Standard deviation of the loss by number of particles, median over the seeds and 10 to 90 % "
    "range, of the guides fitted with several numbers of particles. Dashed: one over the square root, "
    "from the value at the fewest particles.",
)
if len(ratios):
    display(nb.table(ratios, {
        **({"guide": "guide", "model": "model"} if several else {"guide": "guide"}),
        "step size": "step size", "counts": "particles", "few": "noise with the fewest (nats)",
        "many": "noise with the most (nats)", "exponent": "exponent",
    }))  # fmt: skip

# %% [markdown]
# ## More particles may help convergence
#
# Two comparisons, because a step with 32 particles costs 32 draws: at equal numbers of steps, and
# at equal numbers of draws.

# %%
show(
    "statements.convergence",
    "Left: share of the seeds that are adequate, with its binomial standard error. Middle: mean loss "
    "above minus the log evidence along the steps at the guide's best step size, median over the seeds and 10 to "
    "90 % range. Right: the same along the number of draws.",
)
display(
    nb.say(
        "At each guide's best step size; medians over the seeds and 10 to 90 % range. *At equal draws* "
        "is where a fit stands after as many draws as the fit with the fewest particles makes in all."
    )
)
display(nb.table(pd.DataFrame(courses), {
    **({"guide": "guide", "model": "model"} if several else {"guide": "guide"}),
    "particles": "particles", "step size": "step size", "adequate": "adequate",
    "kl": "KL, last iterate (nats)", "end": "loss above \N{MINUS SIGN}ln Z, equal steps (nats)",
    "draws": "loss above \N{MINUS SIGN}ln Z, equal draws (nats)",
}))  # fmt: skip

# %% [markdown]
# ## Autoguides are simpler and faster
#
# Simpler they are: a class name in place of a function. For speed, all guides below have the same
# number of particles, each at its best step size for it.

# %%
show(
    "statements.cost",
    "Time of one fit, averaged over the fits of a cell, which run as one program; steps until the mean "
    f"loss of a window is within {cost.NEAR:g} nats of where it ends; KL divergence of the last iterate. "
    "A point a seed, a bar the median.",
)
count = cost.shared_count(families)
rows = []
for family in families:
    run = family.runs.get(count, family.runs[min(family.runs)])
    here = of(family)
    here = here[here["label"] == run]
    setting = nb.best_settings(here)
    if setting.empty:
        continue
    step_size = setting["step_size"].iloc[0]
    at = here[np.isclose(here["step_size"], step_size)]
    cell = found.fit(family.model, family.guide, run)
    needed = cost.steps_needed(cell.sel(step_size=step_size)["loss"])
    rows.append({
        **named(family), "particles": at["num_particles"].iloc[0], "step size": f"{step_size:g}",
        "seconds": float(at["seconds"].median()), "compile": float(cell.attrs["seconds_compile"]),
        "steps": over_seeds(needed, 3), "kl": over_seeds(at["kl"]) if "kl" in at else nb.MISSING,
        "adequate": f"{int((at['verdict'] == 'adequate').sum())} of {len(at)}",
    })  # fmt: skip
display(nb.table(pd.DataFrame(rows), {
    **({"guide": "guide", "model": "model"} if several else {"guide": "guide"}),
    "particles": "particles", "step size": "step size", "seconds": "seconds a fit",
    "compile": "seconds to compile", "steps": "steps to arrive", "kl": "KL (nats)",
    "adequate": "adequate",
}))  # fmt: skip

# %% [markdown]
# ## A surrogate that roughly matches gives useful summaries
#
# How large can the error of a mean or a standard deviation be at a given KL divergence? For
# Gaussians there is a bound: a mean that is off by $\delta$ standard deviations costs at least
# $\delta^2 / 2$ nats, and a standard deviation that is $r$ of the true one $(r^2 - 1) / 2 - \ln\, r$.

# %%
show(
    "statements.summaries",
    "Every fit of the grid. Dashed: the largest error that a Gaussian guide of a Gaussian posterior can "
    "have. Dotted: the limit up to which a fit is called adequate. The grey line is the Monte Carlo "
    "error of the measurement.",
)
if len(known):
    edges = [-np.inf, 1e-3, 1e-2, 1e-1, 1, np.inf]
    names = ["under 0.001", "0.001 to 0.01", "0.01 to 0.1", "0.1 to 1", "over 1"]
    rows = []
    for name, part in known.groupby(pd.cut(known["kl"], edges, labels=names), observed=True):
        good = usable[part.index]
        rows.append({
            "KL (nats)": name, "fits": len(part), "mean": over_seeds(part["mean_error"]),
            "sd": over_seeds(part["sd_ratio"]), "useful": share(good.sum(), len(part)),
        })  # fmt: skip
    display(nb.table(pd.DataFrame(rows), {
        "KL (nats)": "KL (nats)", "fits": "fits", "mean": "error of the worst mean (sd)",
        "sd": "worst ratio of sds", "useful": "both within the limits",
    }))  # fmt: skip

# %% [markdown]
# ## Reproduce and reuse

# %%
display(nb.rerun(found, f"{experiment}-statements", more=""), nb.downloads(found))
