# %% tags=["parameters"]
results = "results"
experiment = "factor_thread"
title = "What factor means inside a guide"
figures = ["loss", "verdicts"]

# %%
import numpy as np
import pandas as pd
from IPython.display import display

from svi_atlas.plots.factor_thread import _exact
from svi_atlas.report import show as nb
from svi_atlas.results.store import Results

found = Results(results, experiment)
fits = found.table()
grid = nb.grid_fits(fits)
named = fits.drop(grid.index)
MODELS = ("factor", "sample")
floor = {model: -float(found.reference(model).attrs["log_evidence"]) for model in MODELS}
n = nb.number


def show(name, caption=None):
    if name in figures:
        display(nb.figure(found, name, caption))


def run(name):
    """A named run that did not fail, or None."""
    row = named[(named["label"] == name) & (named["verdict"] != "failed")]
    return None if row.empty else row.iloc[0]


def cell(model, guide, count=None, step_size=None):
    """The fits of the grid with these settings that did not fail."""
    chosen = (grid["model"] == model) & (grid["guide"] == guide) & (grid["verdict"] != "failed")
    if count is not None:
        chosen &= grid["num_particles"] == count
    if step_size is not None:
        chosen &= np.isclose(grid["step_size"], step_size)
    return grid[chosen]


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


def share(part, whole):
    return f"{int(part)} of {int(whole)}"


with_factor = grid[grid["guide"] == "factor"]
with_sample = grid[grid["guide"] == "sample"]
display(nb.say(f"# {title}"))
display(
    nb.say(
        "A model may add any term to its log density with `numpyro.factor`. May a guide? A forum "
        "thread asks; a published tutorial, called *the origin* below, answers by experiment: two "
        "ways to write the same model, two to write the same guide, four pairings. This page "
        "repeats them, says what the numbers mean, and repeats them again over "
        f"{grid['step_size'].nunique()} step sizes, {grid['num_particles'].nunique()} particle "
        f"counts and {grid['seed'].nunique()} seeds."
    )
)

# %% [markdown]
# ## In short

# %%
verdicts = fits["verdict"].value_counts()
compared = found.verification()
proved = (with_factor["evidence_violation_z"] > 5).sum()
points = [
    f"Of {len(fits):,} fits, "
    + ", ".join(f"{verdicts[v]:,} are {v.replace('_', ' ')}" for v in nb.ORDER if v in verdicts)
    + ".",
    "**No.** A factor in a guide changes the number that is called the loss, and nothing that the "
    "guide draws. The two no longer belong to one density $q$, so the loss is no bound on anything.",
    f"All {len(with_factor):,} fits with a factor guide are called diverged"
    if (with_factor["verdict"] == "diverged").all()
    else f"{share((with_factor['verdict'] == 'diverged').sum(), len(with_factor))} fits with a "
    "factor guide are called diverged",
]
points[-1] += (
    f", at every step size and particle count. In {n(int(proved))} of them the loss lies more than "
    "five standard errors below minus the log evidence, which proves that it is no negative ELBO; "
    f"the lowest ends at {n(float(with_factor['final_loss'].min()), 2)}."
)
if len(with_sample):
    top = cell("factor", "sample", 32, 1e-2)
    top = top if len(top) else with_sample
    points.append(
        "The same guide written with `sample` finds the scales: sig1_q "
        f"{over_seeds(top['param.sig1_q'])}, sig2_q {over_seeds(top['param.sig2_q'])} over "
        f"{len(top)} seeds of a good setting (exact: 1, 2). On either model it is adequate."
    )
points += [
    "The origin's printed 0.715 and 0.714 for the factor guide are a point on a fall without end, "
    "and equal because the guide never looks at the target's two scales.",
    "Two other ways to write such a guide fail at once: deterministic sites, and an improper flat "
    "prior.",
    "The way to build a guide of one's own is by auxiliary sites and Delta sites, as in the "
    '<a href="bimodal.html">experiment bimodal</a>.',
]
if len(compared):
    points.append(
        f"{int(compared['ok'].sum())} of {len(compared)} published, exact and earlier measured "
        "values are met within their tolerances."
    )
display(nb.say("\n".join(f"- {point}" for point in points)))

# %% [markdown]
# ## Model, guides, exact answers
#
# The target is two independent Gaussians with $\sigma_1 = 1$ and $\sigma_2 = 2$; there are no data.
#
# | model | density |
# |---|---|
# | factor | $x, y \sim \mathrm{Uniform}(-10, 10)$ and a factor $-\frac{1}{2} [(x / \sigma_1)^2 + (y / \sigma_2)^2] - \ln(\sigma_1 \sigma_2)$ |
# | sample | $x \sim N(0, \sigma_1)$, $y \sim N(0, \sigma_2)$ |
#
# | guide | program | start |
# |---|---|---|
# | factor | $x, y \sim \mathrm{Uniform}(-10, 10)$ and a factor $-\frac{1}{2} [(x / s_1)^2 + (y / s_2)^2] - \ln(s_1 s_2)$ | sig1_q = sig2_q = 2 |
# | sample | $x \sim N(0, s_1)$, $y \sim N(0, s_2)$ | sig1_q = sig2_q = 1 |
# | deterministic | draws as in `sample`, with $x$ and $y$ as deterministic sites | sig1_q = sig2_q = 1 |
# | improper | as `factor`, with an improper flat prior in place of the Uniform | sig1_q = sig2_q = 1 |
# | AutoNormal, AutoMultivariateNormal | made automatically | |
#
# Both models have the same posterior, but for the box, which is five standard deviations away. The
# `sample` model is normalised: its log evidence is 0. The `factor` model carries the Uniform density
# $1/400$ and lacks the $1 / (2 \pi)$ of the Gaussians:
# $\ln Z = \ln\, 2\pi - \ln\, 400$.

# %%
display(
    nb.say(
        f"No loss that is minus an ELBO can stay, on average, below {n(floor['factor'], 7)} nats "
        f"on the `factor` model and below {n(abs(floor['sample']), 7)} on the `sample` model. The "
        "`sample` guide reaches both at sig1_q = 1, sig2_q = 2."
    )
)

# %% [markdown]
# ## The origin's four pairings

# %%
show(
    "factor_thread.pairings",
    "Loss of the four pairings, averaged within bins of steps, on an axis that is logarithmic in "
    "both signs beyond 10. Dotted: minus the log evidence of each model. A loss that stays below it "
    "is no negative ELBO.",
)
published = {"factor": (0.715, 0.714), "sample": (1.025, 1.994)}
rows = []
for guide in ("factor", "sample"):
    for model in MODELS:
        row = run(f"origin_{model}_{guide}")
        if row is None:
            continue
        rows.append({
            "pairing": f"{model} model, {guide} guide",
            "published": ", ".join(n(value, 4) for value in published[guide]),
            "exact": "1, 2" if guide == "sample" else "no optimum",
            "sig": f"{n(row['param.sig1_q'])}, {n(row['param.sig2_q'])}",
            "loss": nb.measured(row["final_loss"], row["final_loss_se"]), "floor": floor[model],
            "below": row["evidence_violation_z"] if guide == "factor" else np.nan,
            "verdict": row["verdict"],
        })  # fmt: skip
if rows:
    display(nb.table(pd.DataFrame(rows), {
        "pairing": "pairing", "published": "sig1_q, sig2_q published", "exact": "exact",
        "sig": "this run", "loss": "loss", "floor": "minus log evidence",
        "below": "standard errors below it", "verdict": "verdict",
    }, digits=4))  # fmt: skip
one = run("thread_factor_factor")
if one is not None:
    fit = found.fit("factor", "factor", "thread_factor_factor").isel(seed=0, step_size=0)
    path, steps = fit["path.sig1_q"].to_numpy(), fit["snapshot_step"].to_numpy()
    passed = np.flatnonzero(path <= published["factor"][0])
    display(
        nb.say(
            "The origin does not say its step size. With "
            f"{one['step_size']:g} the factor guide "
            + (
                f"passes the published 0.715 at step {n(int(steps[passed[0]]))} of "
                f"{n(int(one['num_steps']))} and goes on to {n(float(path[-1]))}."
                if len(passed)
                else f"is at {n(float(path[-1]))} when its steps are used up."
            )
            + " Any value between the start and 0 is printed by some number of steps."
        )
    )

# %% [markdown]
# ## Why a factor guide is no guide
#
# The loss is made from draws and from a density:
#
# $$\mathrm{loss} = \mathbb{E}_{z \sim q}[\ln\, q(z) - \ln\, P(z)] = -\ln Z + \mathrm{KL}(q \,\|\, p) \;\ge\; -\ln Z.$$
#
# The inequality needs one thing: that $z$ is drawn from the very $q$ that stands in the logarithm,
# and that this $q$ is a density. A NumPyro guide is a program. What it draws comes from its sample
# sites alone. A `factor` draws nothing; it only adds its term to the sum that `Trace_ELBO` takes for
# $\ln\, q$. So with the factor $f_s(z)$ and the Uniform $u$ the number reported is
#
# $$\mathbb{E}_{z \sim u}[\ln\, u(z) + f_s(z) - \ln\, P(z)].$$
#
# The draws ignore the parameters, and $u(z)\, e^{f_s(z)}$ does not integrate to one. For this to be
# a guide, somebody would have to normalise it and to draw from it; NumPyro does neither. In a
# *model* a factor is harmless, because a model is never drawn from and needs no normalisation: its
# density is the unnormalised $P$.
#
# What the optimiser finds is then easy to tell. Under the Uniform on $(-a, a)$ the mean of $x^2$ is
# $a^2 / 3$, so the loss depends on $s_1$ and $s_2$ through
#
# $$\mathbb{E}_u[f_s] = -\frac{a^2}{6} \left( \frac{1}{s_1^2} + \frac{1}{s_2^2} \right) - \ln(s_1 s_2).$$
#
# It has one stationary point, $s_1 = s_2 = a / \sqrt{3} = 5.77$, and that is a maximum. From any
# start below, such as 2, the loss falls to $-\infty$ as $s_1, s_2 \to 0$; from above, to $-\infty$
# as they grow. The target's $\sigma_1$, $\sigma_2$ do not occur: they only add a constant, and both
# scales fall alike.

# %%
show(
    "factor_thread.scan",
    "On the factor model. Left: the expected loss in closed form; only that of the sample guide "
    "stays above minus the log evidence (dashed). Middle and right: where the fits end, a point a "
    "seed; axes of losses are logarithmic in both signs.",
)
rows = []
for (model, step_size), there in with_factor.groupby(["model", "step_size"], sort=False):
    rows.append({
        "model": model, "step_size": step_size, "fits": len(there),
        "loss": spread(there["final_loss"]), "sig1": spread(there["param.sig1_q"]),
        "proved": share((there["evidence_violation_z"] > 5).sum(), len(there)),
        "diverged": share((there["verdict"] == "diverged").sum(), len(there)),
    })  # fmt: skip
if rows:
    display(
        nb.say(
            "All particle counts together, median (10 to 90 %). “Proved”: more than five standard "
            "errors below minus the log evidence."
        )
    )
    display(nb.table(pd.DataFrame(rows), {
        "model": "model", "step_size": "step size", "fits": "fits", "loss": "final loss",
        "sig1": "final sig1_q", "proved": "proved no ELBO", "diverged": "diverged",
    }))  # fmt: skip
    display(
        nb.say(
            "At the smallest step the fall has only begun: a single noisy loss does not yet prove "
            "anything, and the verdict rests on the factor site in the guide. At the two largest "
            "the fall stops near "
            f"{n(-float(np.sqrt(np.finfo(np.float32).max)), 2)}, which is no minimum: the square "
            f"of the gradient exceeds {n(float(np.finfo(np.float32).max), 2)}, the largest number "
            "in single precision, and Adam, which divides by its root, comes to a halt."
        )
    )
show(
    "factor_thread.draws",
    "Draws of the origin's fitted guides on the factor model. Ellipses: one, two and three standard "
    "deviations of the target. The factor guide draws from the Uniform whatever its parameters say.",
)

# %% [markdown]
# ## Two guides that fail at once
#
# The thread tries two more ways. Both are fitted here and recorded with what they raise.

# %%
reasons = {
    "deterministic_sites": "Every latent site of the model must be sampled by the guide. A "
    "deterministic site is a name for a value; it has no density, so ln q has no term for it.",
    "improper_sites": "NumPyro gives no message of its own. An improper flat prior has no density "
    "that integrates to one and cannot be drawn from; in a model it is never asked to be, in a "
    "guide at once.",
}
failed = named[named["verdict"] == "failed"].set_index("label")
rows = [
    {"label": name, "verdict": failed.loc[name, "verdict"], "message": failed.loc[name, "message"],
     "why": why}
    for name, why in reasons.items() if name in failed.index
]  # fmt: skip
if rows:
    display(nb.table(pd.DataFrame(rows), {
        "label": "label", "verdict": "verdict", "message": "what was raised", "why": "the reason",
    }))  # fmt: skip

# %% [markdown]
# ## The resolution
#
# Where the family has a name, write it with `sample`, as the `sample` guide does. Where it has none,
# draw what can be drawn as *auxiliary* sites (`infer={"is_auxiliary": True}`), compute the model's
# sites from them, and declare those as `Delta` sites. Then everything is drawn, and the density of
# the auxiliary draws is that of the result as long as the map keeps volumes; if it does not, the
# Delta's `log_density` must carry minus the log of the Jacobian determinant. The
# [experiment bimodal](bimodal.html) is built that way, with a rotation, which keeps areas.

# %%
show(
    "factor_thread.resolution",
    "The sample guide on the factor model. Left: the origin's run. Middle and right: the scales at "
    "the end, a point a seed. The smallest step does not arrive in its 5,000 steps.",
)

# %% [markdown]
# ## What the origin says, over many seeds
#
# ### “More particles smooth the loss”

# %%
rows = []
for model, guide, step_size in (
    ("factor", "sample", 1e-2), ("factor", "factor", 1e-4), ("sample", "sample", 1e-2),
):  # fmt: skip
    for count in sorted(cell(model, guide)["num_particles"].unique()):
        there = cell(model, guide, count, step_size)
        if there.empty:
            continue
        fit = found.fit(model, guide, there["label"].iloc[0])
        loss = fit["loss"].sel(step_size=step_size, method="nearest").to_numpy().astype(float)
        tail = loss[:, -max(2, loss.shape[1] // 20) :]
        sd = np.nanstd(np.where(np.isfinite(tail), tail, np.nan), axis=-1, ddof=1)
        rows.append({
            "pairing": f"{model} model, {guide} guide", "step_size": step_size, "particles": count,
            "seeds": len(sd), "sd": over_seeds(sd), "end": over_seeds(there["final_loss"]),
        })  # fmt: skip
if rows:
    display(nb.table(pd.DataFrame(rows), {
        "pairing": "pairing", "step_size": "step size", "particles": "particles", "seeds": "seeds",
        "sd": "sd of one loss (nats)", "end": "final loss (nats)",
    }))  # fmt: skip

# %% [markdown]
# **Supported, and no sign of quality.** The factor guide's loss, too, is smoother with more
# particles, and falls faster for it. With the sample guide the noise comes from the parameters: at
# the exact ones $\ln\, q - \ln\, P$ is constant, and even one particle gives a loss without noise.
#
# ### “More particles may help convergence”

# %%
rows = []
for (step_size, count), there in cell("factor", "sample").groupby(["step_size", "num_particles"]):
    rows.append({
        "step_size": step_size, "particles": count, "seeds": len(there), "kl": spread(there["kl"]),
        "sig1": over_seeds(there["param.sig1_q"]), "sig2": over_seeds(there["param.sig2_q"]),
        "converged": share((there["converged"] == True).sum(), len(there)),  # noqa: E712
        "adequate": share((there["verdict"] == "adequate").sum(), len(there)),
    })  # fmt: skip
if rows:
    display(nb.table(pd.DataFrame(rows), {
        "step_size": "step size", "particles": "particles", "seeds": "seeds", "kl": "KL (nats)",
        "sig1": "sig1_q", "sig2": "sig2_q", "converged": "converged?", "adequate": "adequate",
    }))  # fmt: skip

# %% [markdown]
# **Supported where the step is large**: there the iterates jump about the optimum by an amount that
# the noise of the gradient sets, and more particles make it smaller. Where the step is too small to
# arrive, no number of particles helps; at 0.001 the fits come nearest, but have not rested long
# enough when their steps are used up. (The sample guide on the factor model; means with standard
# errors, medians with the 10 to 90 % range.) And no number of particles makes a factor guide
# converge.
#
# ### “Autoguides are simpler and faster”

# %%
rows = []
for guide in ("sample", "AutoNormal", "AutoMultivariateNormal"):
    for step_size, there in cell("sample", guide, 8).groupby("step_size"):
        rows.append({
            "guide": guide, "step_size": step_size, "kl": spread(there["kl"]),
            "converged": share((there["converged"] == True).sum(), len(there)),  # noqa: E712
            "adequate": share((there["verdict"] == "adequate").sum(), len(there)),
            "time": float((1e6 * there["seconds"] / there["num_steps"]).mean()),
        })  # fmt: skip
if rows:
    display(nb.table(pd.DataFrame(rows), {
        "guide": "guide", "step_size": "step size", "kl": "KL (nats)", "converged": "converged?",
        "adequate": "adequate", "time": "µs a step",
    }))  # fmt: skip

# %% [markdown]
# **Simpler, and about as near to the posterior; not faster.** All on the sample model with 8
# particles. The autoguides hold the posterior too. They have more to learn, means as well as
# scales, and start from narrower draws: at a small step they are farther behind, and fewer of their
# seeds are at rest. But they cannot be written wrongly. The times, of batched fits that share a
# machine, are of one order.
#
# ### “A surrogate that roughly matches gives useful summaries”

# %%
rows = []
for model, guide in _exact.PAIRINGS:
    row = run(f"origin_{model}_{guide}")
    if row is None:
        continue
    last = found.fit(model, guide, f"origin_{model}_{guide}").isel(seed=0, step_size=0)
    last = last.sel(iterate="last")
    x, y = (last[f"site.{site}"].to_numpy().astype(float) for site in ("x", "y"))
    error = 1 / np.sqrt(2 * x.size)
    rows.append({
        "pairing": f"{model} model, {guide} guide",
        "claimed": f"{n(row['param.sig1_q'])}, {n(row['param.sig2_q'])}",
        "x": nb.measured(x.std(ddof=1), x.std() * error),
        "y": nb.measured(y.std(ddof=1), y.std() * error),
        "kl": nb.measured(row["kl"], row["kl_se"]),
    })  # fmt: skip
if rows:
    display(nb.table(pd.DataFrame(rows), {
        "pairing": "pairing", "claimed": "sig1_q, sig2_q of the fit", "x": "sd of x drawn (exact 1)",
        "y": "sd of y drawn (exact 2)", "kl": "KL of the draws (nats)",
    }))  # fmt: skip

# %% [markdown]
# **Only if it is a surrogate.** The parameters of a factor guide describe none of its draws, so no
# summary can be taken from either. Its KL divergence is that of the Uniform from the posterior, the
# same at the start and at the end. The sample guide's summaries are as good as its parameters.
#
# ## Verdicts

# %%
show("verdicts")
display(nb.counts(grid, ["model", "guide"]))

# %% [markdown]
# The best setting of each guide has the largest share of adequate seeds, then of converged ones,
# then the smallest KL divergence, then the fewest particles. KL, error of the mean and ratio of
# standard deviations are medians over the seeds.

# %%
display(nb.best(fits))
display(nb.evidence(named))

# %%
show(
    "kl_by_step_size",
    "KL divergence from the posterior of the last iterate: a point a seed, a line the median. Of "
    "the factor guides it is that of their draws, which never change.",
)
display(nb.say(nb.SMALLER_STEP), nb.smaller_step(fits))

# %%
show("loss")
elsewhere = ("factor_thread.", "statements.")
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
