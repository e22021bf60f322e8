# %% tags=["parameters"]
results = "results"
experiment = "bimodal"
title = "Two modes and a heavy tail"
figures = ["loss", "verdicts"]

# %%
import numpy as np
import pandas as pd
from IPython.display import display

from svi_atlas.plots.bimodal import _exact
from svi_atlas.report import show as nb
from svi_atlas.results.store import Results

found = Results(results, experiment)
fits, reference = found.table(), found.reference()
grid = nb.grid_fits(fits)
named = fits.drop(grid.index)
floor = -float(reference.attrs["log_evidence"])
best_sig2, mixture = _exact.normal_mixture_optimum()
one_mode = _exact.one_mode_optimum()
best = nb.best_settings(fits).set_index("guide")
n = nb.number


def show(name, caption=None):
    if name in figures:
        display(nb.figure(found, name, caption))


def run(name):
    """A named run that did not fail, or None."""
    row = named[(named["label"] == name) & (named["verdict"] != "failed")]
    return None if row.empty else row.iloc[0]


def cell(guide, count=None, step_size=None):
    """The fits of the grid with these settings that did not fail."""
    chosen = (grid["guide"] == guide) & (grid["verdict"] != "failed")
    if count is not None:
        chosen &= grid["num_particles"] == count
    if step_size is not None:
        chosen &= np.isclose(grid["step_size"], step_size)
    return grid[chosen]


def at_best(guide):
    setting = best.loc[guide]
    return cell(guide, setting["num_particles"], setting["step_size"])


def over_seeds(values):
    """Mean over the seeds with its standard error."""
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if values.size < 2:
        return n(float(values[0])) if values.size else nb.MISSING
    return nb.measured(float(values.mean()), float(values.std(ddof=1) / np.sqrt(values.size)))


def spread(values):
    """Median over the seeds and their 10 to 90 % range."""
    values = np.asarray(values, float)
    if not np.isfinite(values).any():
        return nb.MISSING
    low, middle, high = np.nanquantile(values, [0.1, 0.5, 0.9])
    return f"{n(float(middle))} ({n(float(low), 2)} to {n(float(high), 2)})"


def step_time(guide):
    """Microseconds a step with 8 particles; all fits of a cell run as one batch."""
    there = cell(guide, 8)
    return float((1e6 * there["seconds"] / there["num_steps"]).mean())


def share(part, whole):
    return f"{int(part)} of {int(whole)}"


def words(verdict):
    return verdict.replace("_", " ")


origin = run("tutorial_normal_mixture")
suggested, naive, clipped = map(
    run, ("cauchy_as_suggested", "cauchy_naive_density", "cauchy_clipped")
)
truncated = cell("truncated_cauchy_mixture", 16, 5e-4)
display(nb.say(f"# {title}"))
display(
    nb.say(
        "The posterior has two equal modes and, along each, the tail of a Cauchy distribution. "
        "Which guides can hold it, and does a fit that cannot say so? This page repeats the "
        "experiment of a published tutorial on stochastic variational inference, called *the "
        f"origin* below, and asks its questions again of {grid['guide'].nunique()} guides, "
        f"{grid['num_particles'].nunique()} particle counts, {grid['step_size'].nunique()} step "
        f"sizes and up to {grid['seed'].nunique()} seeds."
    )
)

# %% [markdown]
# ## In short

# %%
verdicts = fits["verdict"].value_counts()
compared = found.verification()
points = [
    f"Of {len(fits):,} fits, "
    + ", ".join(f"{verdicts[v]:,} are {words(v)}" for v in nb.ORDER if v in verdicts)
    + "."
]
if len(truncated):
    close = (truncated["final_loss"] - floor).abs() < 0.01
    points.append(
        "The guide to use is `truncated_cauchy_mixture`: from the origin's start "
        f"{share(close.sum(), len(truncated))} seeds end within 0.01 nats of minus the log "
        f"evidence, {n(floor, 5)} (median {n(truncated['final_loss'].median(), 5)}), and "
        f"{share((truncated['nonfinite'] == 0).sum(), len(truncated))} have no infinite loss."
    )
if origin is not None:
    points.append(
        f"The origin's Normal mixture ends at a loss of "
        f"{nb.measured(origin['final_loss'], origin['final_loss_se'])}; the best that family can do "
        f"is {n(mixture, 5)}, {n(mixture - floor, 2)} nats above minus the log evidence. It finds "
        "both modes, but its tails are too short: the importance weights say so, the loss does "
        "not."
    )
if suggested is not None:
    points.append(
        "The Cauchy tail that the thread suggests **fails**: "
        f"{n(100 * suggested['nonfinite'], 2)} % of the losses of that run are not finite, and "
        f"sig2_q ends at {n(suggested['param.sig2_q'], 2)} in place of "
        f"{n(_exact.CAUCHY_SCALE, 3)}. Its verdict is **{words(suggested['verdict'])}**."
    )
single = [g for g in ("AutoNormal", "AutoMultivariateNormal", "AutoLowRankMultivariateNormal",
                      "AutoLaplaceApproximation") if len(cell(g))]  # fmt: skip
if single:
    whole = grid[grid["guide"].isin(single) & (grid["verdict"] != "failed")]
    at_rest = whole[whole["converged"].fillna(False).astype(bool)]
    points.append(
        f"{share((whole['missed_mass'] > 0).sum(), len(whole))} fits of autoguides with a single "
        "Normal miss one of the two modes, half of the posterior; "
        f"{share((at_rest['verdict'] == 'inadequate').sum(), len(at_rest))} that have converged are "
        "called **inadequate**, with the mode they miss. A loss alone does not give that away, and "
        f"neither does k-hat. The best single Normal has the loss {n(one_mode, 4)}, ln 2 above the "
        "mixture."
    )
points.append(
    "The weight of `weighted_normal_mixture` gets no gradient that points anywhere: it wanders, "
    "the more the larger the step."
)
if len(compared):
    points.append(
        f"{int(compared['ok'].sum())} of {len(compared)} published, exact and earlier measured "
        "values are met within their tolerances."
    )
display(nb.say("\n".join(f"- {point}" for point in points)))

# %% [markdown]
# ## Model, exact posterior
#
# There are no data: the density itself is given. With $u_1 = (x + y) / \sqrt{2}$ across the modes
# and $u_2 = (x - y) / \sqrt{2}$ along them, $\sigma_1 = 0.5$, $\sigma_2 = 2$ and $b = 5$,
#
# $$\ln\, \tilde{p}(x, y) = \ln \left[ e^{-\frac{1}{2} ((u_1 - b) / \sigma_1)^2} + e^{-\frac{1}{2} ((u_1 + b) / \sigma_1)^2} \right] - \ln \left[ 1 + \tfrac{1}{2} (u_2 / \sigma_2)^2 \right].$$
#
# The model draws $x$ and $y$ from $\mathrm{Uniform}(-20, 20)$ and adds $\ln\, \tilde{p}$ as a
# `factor`, so its density is $\tilde{p} / 1600$ inside the box and zero outside. Along the modes
# $u_2$ has a Cauchy distribution with scale $\sqrt{2}\, \sigma_2 = 2.828$, cut at the box.

# %%
show("bimodal.density", "The exact density and its log.")
display(
    nb.say(
        f"By quadrature the log evidence is {n(-floor, 7)}. No loss can stay, on average, below "
        f"{n(floor, 7)} nats. Two more numbers are known: the best equal mixture of two Normals "
        f"(sig2_q = {n(best_sig2, 5)}) has the loss {n(mixture, 5)}, the best single Normal "
        f"{n(one_mode, 5)}, both for $x$ and $y$ themselves. The autoguides have their Normal in "
        "the logits of $x$ and $y$, where the best is "
        f"{n(_exact.single_normal_optimum(full_rank=True), 5)} with full covariance and "
        f"{n(_exact.single_normal_optimum(full_rank=False), 5)} without."
    )
)

# %% [markdown]
# The first line of the formula is to be computed as a stable log of a sum. Written as the plain
# log of two exponentials it is the log of zero far from the modes, and its gradient is undefined
# (model `naive` below).
#
# ## The guides
#
# | guide | family | parameters (start) |
# |---|---|---|
# | normal_mixture | $u_1$: equal mixture of $N(\pm b, s_1)$; $u_2 \sim N(0, s_2)$ | sig1_q (1), sig2_q (1), b (1), theta (0) |
# | weighted_normal_mixture | the same with a weight for the modes | the same and weight (0.5) |
# | cauchy_mixture | $u_2 \sim \mathrm{Cauchy}(0, s_2)$ | as `normal_mixture` |
# | cauchy_mixture_fixed_angle | the same, theta fixed at 45° | sig1_q (1), sig2_q (1), b (1) |
# | truncated_cauchy_mixture | the same, theta free, $u_2$ cut to where $x$ and $y$ stay in the box | as `normal_mixture` |
# | AutoNormal and other Normals | one Normal for the logits of $x$ and $y$: one mode | made automatically |
# | AutoIAFNormal, AutoBNAFNormal | flows: a Normal sent through a neural network | made automatically |
#
# In the first five, $u_1$ and $u_2$ are auxiliary sites, drawn in the guide and unknown to the
# model, and $x = \cos\theta\, u_1 - \sin\theta\, u_2$, $y = \cos\theta\, u_2 + \sin\theta\, u_1$
# are Delta sites. A rotation keeps areas, so that the density of the auxiliary draws is that of
# $(x, y)$ and the ELBO is right. All fits use Adam.

# %% [markdown]
# ## The origin's run

# %%
show(
    "bimodal.tutorial_loss",
    "Loss of the origin's run; mean and range within bins of steps. It settles on what its family "
    "can reach, not on minus the log evidence.",
)
show(
    "bimodal.tutorial_draws",
    "The exact density, and draws of the fitted guide over its outline (1, 3 and 6 nats below the "
    "peak). Both modes are there; far along the tails there are no draws.",
)
published = {
    "param.b": ("b", 4.990, 5.0),
    "param.sig1_q": ("sig1_q", 0.505, 0.5),
    "param.sig2_q": ("sig2_q", 4.676, best_sig2),
    "derived.theta_degrees": ("theta (degrees)", 44.7, 45.0),
    "final_loss": ("loss, mean of the last 5 %", 4.4520, mixture),
}
seeds = cell("normal_mixture", 16, 5e-4)
if origin is not None:
    rows = [
        {
            "what": label,
            "published": value,
            "exact": exact,
            "label": float(origin[column]),
            "seeds": over_seeds(seeds[column]) if len(seeds) else nb.MISSING,
            "sd": seeds[column].std() if len(seeds) > 1 else np.nan,
        }
        for column, (label, value, exact) in published.items()
    ]
    headings = {
        "what": "quantity", "published": "published", "exact": "exact optimum", "label": "this run",
        "seeds": f"mean over {len(seeds)} seeds", "sd": "sd over the seeds",
    }  # fmt: skip
    display(nb.table(pd.DataFrame(rows), headings, digits=4))
    display(
        nb.say(
            f"The run's verdict is **{words(origin['verdict'])}**: "
            f"{origin['reason'][0].lower()}{origin['reason'][1:]} Its k-hat is "
            f"{n(origin['khat'], 2)}: above 0.7 the tails of the guide are too light to be "
            "corrected by importance weights. The published values all agree with the exact "
            "optimum of the family, within what one seed scatters."
        )
    )

# %% [markdown]
# ## Why a Cauchy tail fails, and what helps
#
# The posterior has Cauchy tails, so why not give them to the guide? For two reasons, and each
# alone makes the ELBO $-\infty$:
#
# 1. **The wrong direction.** If $\theta$ is off by $\delta$, a draw at distance $u_2$ along the
#    guide's tail lies $u_2 \sin\delta$ beside the ridge, where the log density is lower by
#    $\frac{1}{2} (u_2 \sin\delta / \sigma_1)^2$. A Cauchy variable has no mean square, so the
#    expected loss is infinite for every $\delta \ne 0$.
# 2. **The box.** Outside of it the model's density is zero. The Cauchy puts mass there at any
#    angle.

# %%
show(
    "bimodal.cauchy_tail",
    "Left: the tail of one mode for four angles theta, over the log density. Middle: the log "
    "density along it, dotted beyond the edge of the box (dot), where the model's is minus infinity. Only at "
    "exactly 45° does it fall like that of a Cauchy. Right: losses that are not finite, medians "
    "over the seeds. More particles meet the outside more often.",
)
show(
    "bimodal.cauchy_paths",
    "Scale and angle of the tail at each step. Thin lines are seeds. Steps whose gradient is not "
    "finite, or huge, leave theta stuck; with theta fixed at 45° the scale is found although most "
    "losses are infinite.",
)
outcomes = [
    ("as suggested", suggested),
    ("as suggested, on the naive density", naive),
    ("with clipped gradients", clipped),
]
rows = [
    {
        "what": label, "nonfinite": n(100 * row["nonfinite"], 3),
        "first": n(int(row["first_nonfinite"])) if np.isfinite(row["first_nonfinite"]) else "none",
        "theta": n(row["derived.theta_degrees"], 4), "sig2": n(row["param.sig2_q"], 3), "seeds": 1,
        "verdict": row["verdict"],
    }
    for label, row in outcomes if row is not None
]  # fmt: skip
for label, cell_fits in (
    ("theta fixed at 45°, 8 particles, step 0.001", cell("cauchy_mixture_fixed_angle", 8, 1e-3)),
    ("truncated to the box, 16 particles, step 0.0005", truncated),
):
    if len(cell_fits):
        rows.append({
            "what": label, "nonfinite": spread(100 * cell_fits["nonfinite"]),
            "first": spread(cell_fits["first_nonfinite"])
            if cell_fits["first_nonfinite"].notna().any() else "none",
            "theta": spread(cell_fits["derived.theta_degrees"]),
            "sig2": spread(cell_fits["param.sig2_q"]), "seeds": len(cell_fits),
            "verdict": cell_fits["verdict"].mode().iloc[0],
        })  # fmt: skip
if rows:
    display(
        nb.say(
            "Exact are theta 45° and, for a Cauchy tail, sig2_q "
            f"{n(_exact.CAUCHY_SCALE, 5)}. Over several seeds: median (10 to 90 %), and the most "
            "frequent verdict."
        )
    )
    display(nb.table(pd.DataFrame(rows), {
        "what": "guide and run", "nonfinite": "losses not finite (%)", "first": "first at step",
        "theta": "theta (degrees)", "sig2": "sig2_q", "seeds": "seeds", "verdict": "verdict",
    }))  # fmt: skip

# %% [markdown]
# On the naive density the first draws already give an undefined gradient, and every parameter is
# lost. Clipping the gradient bounds the damage of a far draw and frees theta, but the loss stays
# infinite: it is no ELBO that one could report.
#
# **What works** is to cut the tail where the model ends. Given $\theta$ and $u_1$, the conditions
# $|x| < 20$ and $|y| < 20$ leave one interval for $u_2$; at 45° it is $|u_2| < 20\sqrt{2} - |u_1|$.
# The guide draws $u_2$ from the Cauchy truncated to it. Far draws then stop at the edge of the
# box, so that the loss is finite at every angle, and at 45° the family holds the posterior almost
# exactly.

# %%
show(
    "bimodal.truncated_seeds",
    "The truncated Cauchy mixture from the origin's start (theta = 0), 16 particles, 10,000 "
    "steps. Left: every seed, losses averaged within bins. Middle: the end of every seed, with "
    "its standard error. Right: the parameters at the end.",
)
rows = []
for step_size in (5e-4, 5e-3):
    there = cell("truncated_cauchy_mixture", 16, step_size)
    if there.empty:
        continue
    rows.append({
        "step_size": step_size, "loss": there["final_loss"].median(),
        "worst": there["final_loss"].max(),
        "close": share(((there["final_loss"] - floor).abs() < 0.01).sum(), len(there)),
        "infinite": int((there["nonfinite"] > 0).sum()),
        "theta": f"{n(there['derived.theta_degrees'].min())} to "
        f"{n(there['derived.theta_degrees'].max())}",
        "sig2": f"{n(there['param.sig2_q'].min())} to {n(there['param.sig2_q'].max())}",
        "adequate": share((there["adequate"] == True).sum(), len(there)),  # noqa: E712
        "converged": share((there["converged"] == True).sum(), len(there)),  # noqa: E712
    })  # fmt: skip
if rows:
    display(nb.table(pd.DataFrame(rows), {
        "step_size": "step size", "loss": "loss, median", "worst": "loss, worst",
        "close": "within 0.01 nats", "infinite": "infinite", "theta": "theta (degrees)",
        "sig2": "sig2_q", "converged": "converged?", "adequate": "adequate?",
    }, digits=5))  # fmt: skip
    display(
        nb.say(
            "At the smaller step the loss is good long before the parameters rest: sig2_q is still "
            "on its way when the steps are used up, which is what *not converged* means. At the "
            "larger step it arrives, and then jumps about the optimum, which costs a few "
            "thousandths of a nat."
        )
    )
whole = cell("truncated_cauchy_mixture")
odd = whole[whole["nonfinite"] > 0]
if len(whole):
    display(
        nb.say(
            f"Over all settings {share(len(odd), len(whole))} fits of this guide have a loss that "
            "is not finite."
            + (
                " Each time it is a single draw at the very end of the interval, which rounding "
                "in single precision puts a hair outside of it."
                if len(odd) and (odd["nonfinite"] * odd["num_steps"]).max() < 3
                else ""
            )
        )
    )

# %% [markdown]
# ## Missed modes
#
# A family with one hump covers one mode. Its loss then stands only ln 2 = 0.693 above that of the
# mixture, which nothing in the fit reveals if the evidence is unknown. The importance weights judge
# the tails around the mode that was found; the guide never draws where the other one would show.
# Here the modes are known, and every fit is asked how many of its draws are nearest to each.

# %%
show(
    "bimodal.final_loss",
    "Mean of the last 5 % of the losses: a point a seed, a bar the median, of each particle count "
    "the step size with the lowest median. Losses above the axis are drawn at its end. Open "
    "points: the loss is infinite, the mean is over the finite ones and bounded by nothing. The "
    "Laplace approximation is fitted as a point, so minus the ELBO of its draws is shown.",
)
show(
    "bimodal.draws",
    "Draws over the outline of the exact density, of each guide the seed with the median loss of "
    "its best setting.",
)
rows = []
for guide in best.index:
    there = cell(guide)
    top = at_best(guide)
    lost = there[there["missed_mass"] > 0]
    where = lost["missed_mode"].value_counts()
    rows.append({
        "guide": guide, "all": share(len(lost), len(there)),
        "top": share((top["missed_mass"] > 0).sum(), len(top)),
        "where": "; ".join(f"{place} ({count})" for place, count in where.items()) or "none",
        "khat": top["khat"].median(), "elbo": -top["elbo"].median(),
    })  # fmt: skip
display(nb.table(pd.DataFrame(rows), {
    "guide": "guide", "all": "fits that miss a mode", "top": "of its best setting",
    "where": "the missed mode (fits)", "elbo": "minus ELBO, best setting",
    "khat": "k-hat, best setting",
}))  # fmt: skip
display(
    nb.say(
        "Minus ELBO and k-hat are medians over the seeds, from fresh draws; for the two Cauchy "
        "guides that leave the box they are over the draws inside, and mean little. Compare with "
        f"{n(floor, 5)} (minus the log evidence), {n(mixture, 5)} (best mixture) and {n(one_mode, 5)} "
        "(best single Normal). A k-hat below 0.7 is called good; whether a mode is missed cannot "
        "be read off it."
    )
)

# %% [markdown]
# ## A weight without a gradient
#
# NumPyro draws the component of a mixture as a category and then a value from it. A category does
# not move with the weight, so that the pathwise gradient of `Trace_ELBO` sees the weight only
# through $\ln\, q$: what is left is the score $\partial \ln\, q(u_1) / \partial w$, whose mean is
# zero whatever $w$ is. Adam scales this pure noise up to full steps. The weight starts at its
# exact value, one half, and leaves it.

# %%
show(
    "bimodal.weight",
    "The weight at each step, a line a seed; exact is one half.",
)
weights = cell("weighted_normal_mixture")
if len(weights) and "param.weight" in weights:
    rows = []
    for (count, step_size), there in weights.groupby(["num_particles", "step_size"]):
        w = there["param.weight"].astype(float).clip(1e-12, 1 - 1e-12)
        cost = np.log(2) + w * np.log(w) + (1 - w) * np.log(1 - w)
        rows.append({
            "particles": count, "step_size": step_size, "mean": over_seeds(w), "sd": w.std(),
            "range": f"{n(w.min(), 2)} to {n(w.max(), 2)}", "cost": cost.median(),
            "missed": share((there["missed_mass"] > 0).sum(), len(there)),
        })  # fmt: skip
    display(nb.table(pd.DataFrame(rows), {
        "particles": "particles", "step_size": "step size", "mean": "weight, mean over seeds",
        "sd": "sd over seeds", "range": "range", "cost": "cost in nats, median",
        "missed": "fits that miss a mode",
    }))  # fmt: skip
    display(
        nb.say(
            "Nothing pulls the weight back to one half: the spread over the seeds grows with the "
            "step size"
            + (
                " and hardly falls with the particles"
                if weights["num_particles"].nunique() > 1
                else ""
            )
            + ". (The fits of a seed share their random numbers over the step sizes, so rows are "
            "not independent.) The cost is ln 2 minus the entropy of the weights, the KL "
            "divergence that the wrong weight alone adds. At the largest step the weight runs "
            "into 0 or 1 and a mode is "
            "lost. Remedies: leave the weight fixed, sum over the components instead of drawing "
            "one, or use a gradient through the mixture's distribution function."
        )
    )

# %% [markdown]
# ## What the origin says, over many seeds
#
# ### “More particles smooth the loss”

# %%
rows = []
for guide in ("normal_mixture", "truncated_cauchy_mixture"):
    for count in sorted(cell(guide)["num_particles"].unique()):
        there = cell(guide, count)
        step_size = min(there["step_size"].unique(), key=lambda s: abs(np.log(s / 1e-2)))
        chosen = there[there["step_size"] == step_size]
        fit = found.fit(chosen["model"].iloc[0], guide, chosen["label"].iloc[0])
        loss = fit["loss"].sel(step_size=step_size, method="nearest").to_numpy().astype(float)
        tail = loss[:, -max(2, loss.shape[1] // 20) :]
        sd = np.nanstd(np.where(np.isfinite(tail), tail, np.nan), axis=-1, ddof=1)
        rows.append({
            "guide": guide, "particles": count, "step_size": step_size, "seeds": len(sd),
            "sd": spread(sd), "scaled": spread(sd * np.sqrt(count)),
        })  # fmt: skip
if rows:
    display(nb.table(pd.DataFrame(rows), {
        "guide": "guide", "particles": "particles", "step_size": "step size", "seeds": "seeds",
        "sd": "sd of one loss (nats)", "scaled": "times √particles",
    }))  # fmt: skip

# %% [markdown]
# **Supported.** The noise of a single loss (median over the seeds, 10 to 90 %) falls at least like
# one over the square root of the particles; faster where the parameters, too, jump less and come to
# rest where the log weights hardly vary. For that reason the truncated guide is quieter than the
# Normal mixture at every particle count: the noise tells of the guide as much as of the particles.
#
# ### “More particles may help convergence”

# %%
rows = []
for guide in ("normal_mixture", "truncated_cauchy_mixture"):
    bound = floor if guide == "truncated_cauchy_mixture" else mixture
    for (step_size, count), there in cell(guide).groupby(["step_size", "num_particles"]):
        if not 5e-4 < step_size < 5e-2 or len(there["seed"].unique()) < 2:
            continue
        rows.append({
            "guide": guide, "step_size": step_size, "particles": count,
            "gap": spread(there["final_loss"] - bound),
            "converged": share((there["converged"] == True).sum(), len(there)),  # noqa: E712
            "adequate": share((there["verdict"] == "adequate").sum(), len(there)),
            "seconds": there["seconds"].mean(),
        })  # fmt: skip
if rows:
    display(nb.table(pd.DataFrame(rows), {
        "guide": "guide", "step_size": "step size", "particles": "particles",
        "gap": "loss above its family's optimum", "converged": "converged?",
        "adequate": "adequate", "seconds": "seconds a fit",
    }))  # fmt: skip

# %% [markdown]
# **Supported, at a price.** At one step size more particles end nearer to the family's optimum, and
# more seeds come to rest, because the jumps about the optimum are noise of the gradient. The time of
# a fit grows with them. A smaller step gets as near for less, but then more steps are needed until
# the parameters are seen to rest, and particles do not make up for missing steps. (Medians with the
# 10 to 90 % range. Seconds are of batched fits that share a machine: compare them with each other
# only.)
#
# ### “Autoguides are simpler and faster”

# %%
rows = []
for guide in best.index:
    there = at_best(guide)
    rows.append({
        "guide": guide, "particles": best.loc[guide, "num_particles"],
        "step_size": float(best.loc[guide, "step_size"]),
        "elbo": over_seeds(-there["elbo"]), "missed": share((there["missed_mass"] > 0).sum(), len(there)),
        "adequate": share((there["verdict"] == "adequate").sum(), len(there)),
        "time": step_time(guide),
    })  # fmt: skip
display(nb.table(pd.DataFrame(rows), {
    "guide": "guide", "particles": "particles", "step_size": "step size", "elbo": "minus ELBO (nats)",
    "missed": "miss a mode", "adequate": "adequate",
    "time": "µs a step, 8 particles",
}))  # fmt: skip

# %% [markdown]
# Each guide at its best setting; minus ELBO is the mean over the seeds with its standard error, for
# guides that leave the box over the draws inside. Times are of batched fits that share a machine;
# other work on it changes them by a factor of two.

# %%
normals = [g for g in single if g != "AutoLaplaceApproximation"]
flows = [g for g in best.index if "AF" in g]
written = [g for g in ("normal_mixture", "truncated_cauchy_mixture") if len(cell(g, 8))]


def times(guides):
    found_times = [step_time(guide) for guide in guides]
    low, high = min(found_times), max(found_times)
    return n(low, 2) if low == high else f"{n(low, 2)} to {n(high, 2)}"


if normals and flows and written:
    of_flows = grid[grid["guide"].isin(flows) & (grid["verdict"] != "failed")]
    display(
        nb.say(
            "**Simpler, yes; good enough, no.** An autoguide takes one line. A step takes "
            f"{times(normals)} µs with a Normal, {times(written)} µs with the written mixtures and "
            f"{times(flows)} µs with a flow. But none of the Normals can hold two modes, and a flow, "
            f"which could, need not find the second one: {share((of_flows['missed_mass'] > 0).sum(), len(of_flows))} "
            "of their fits miss a mode. To be fast at the wrong answer is no gain."
        )
    )

# %% [markdown]
# ### “A surrogate that roughly matches gives useful summaries”

# %%
draws = [reference[f"draw.{site}"].to_numpy().astype(float) for site in ("x", "y")]
scale = {site: float(reference[f"sd.{site}"]) for site in ("x", "y")}


def summaries(x, y):
    """Mean and sd of x in posterior sds, share in the upper mode, far tail; over the last axis."""
    far = np.abs(x - y) / np.sqrt(2) > 10
    return {
        "mean": x.mean(-1) / scale["x"], "sd": x.std(-1, ddof=1) / scale["x"],
        "upper": (x + y > 0).mean(-1), "far": 100 * far.mean(-1),
    }  # fmt: skip


exact = summaries(*draws)
count = draws[0].size
rows = [{
    "guide": "exact (10,000 draws)" if count == 10_000 else "exact draws", "mean": "0", "sd": "1",
    "upper": "0.5", "far": nb.measured(exact["far"], 100 * np.sqrt(exact["far"] / 100 / count)),
}]  # fmt: skip
for guide in best.index:
    setting = best.loc[guide]
    fit = found.fit(setting["model"], guide, setting["label"])
    last = fit.sel(iterate="last").sel(step_size=setting["step_size"], method="nearest")
    x, y = (last[f"site.{site}"].transpose("seed", "draw").to_numpy().astype(float)
            for site in ("x", "y"))  # fmt: skip
    values = summaries(x, y)
    shown = {name: spread(value) for name, value in values.items()}
    rows.append({"guide": guide, **shown})
display(nb.table(pd.DataFrame(rows), {
    "guide": "guide", "mean": "mean of x (sd)", "sd": "sd of x, ratio",
    "upper": "share in the upper mode", "far": "|u2| > 10 (%)",
}))  # fmt: skip

# %% [markdown]
# Median over the seeds of each guide's best setting (10 to 90 %). **It depends on the summary.**
# The Normal mixture gives means and the shares of the modes, understates the standard deviation,
# and has a fraction of the far tail. A single Normal gets even the mean wrong, by more than half a
# posterior standard deviation, in one direction or the other as the seed falls: it roughly matches
# one mode, which is not the posterior. An infinite mean square makes the summaries of the
# unbounded Cauchy guides meaningless.
#
# ## Verdicts

# %%
show("verdicts")
display(nb.counts(grid))

# %% [markdown]
# The best setting of each guide has the largest share of adequate seeds, then of converged ones,
# then the smallest KL divergence, then the fewest particles. KL, error of the mean and ratio of
# standard deviations are medians over the seeds. A
# negative KL divergence is impossible: it belongs to a guide that leaves the box, and is over its
# draws inside.

# %%
display(nb.best(fits))
display(nb.evidence(named))

# %%
show("loss")
show(
    "kl_by_step_size",
    "KL divergence from the posterior of the last iterate: a point a seed, a line the median. Open "
    "circles are below their own Monte Carlo error and drawn at it, among them all of the guides "
    "that leave the box, whose KL divergence is infinite and whose draws inside say nothing.",
)
display(nb.say(nb.SMALLER_STEP), nb.smaller_step(fits))

# %%
elsewhere = ("bimodal.", "statements.")
for name in figures:
    if name not in ("loss", "verdicts", "kl_by_step_size") and not name.startswith(elsewhere):
        show(name)
if any(name.startswith("statements.") for name in figures):
    display(
        nb.say(
            "What the origin says of particles, autoguides and surrogates in general, counted over "
            f"these fits, is on [a page of its own]({experiment}-statements.html)."
        )
    )

# %% [markdown]
# ## Comparison with published and exact values

# %%
display(nb.verification(found))

# %% [markdown]
# ## What failed or diverged

# %%
display(nb.failures(fits))

# %% [markdown]
# ## Reproduce and reuse

# %%
display(nb.rerun(found), nb.downloads(found))
display(nb.provenance(found))
