# %% tags=["parameters"]
results = "results"
experiment = "rotated_gaussian"
title = "A rotated Gaussian and its covariance"
figures = ["loss", "verdicts"]

# %%
import numpy as np
import pandas as pd
from IPython.display import display

from svi_atlas.plots.rotated_gaussian import _gaussian as gaussian
from svi_atlas.plots.rotated_gaussian import constrained, shape, two_questions
from svi_atlas.report import show as nb
from svi_atlas.results.store import Results

MODEL, (FULL, MEAN_FIELD) = gaussian.MODEL, gaussian.GUIDES
found = Results(results, experiment)
fits, reference = found.table(), found.reference(MODEL)
grid = nb.grid_fits(fits)
named = fits.drop(grid.index)
best = nb.best_settings(fits).set_index(["model", "guide"])
log_evidence = float(reference.attrs["log_evidence"])
exact = {name: float(value) for name, value in gaussian.quantities(gaussian.EXACT[MODEL]).items()}
n = nb.number


def show(name, caption=None):
    if name in figures:
        display(nb.figure(found, name, caption))


def cell(model, guide, setting=None):
    """The fits of a guide that did not fail, at its best setting or at a run and step size."""
    return gaussian.at_setting(fits, model, guide, setting)


def over_seeds(values):
    """Mean over the seeds with its standard error."""
    values = np.asarray(values, float)
    return nb.measured(values.mean(), values.std(ddof=1) / np.sqrt(values.size))


def matrix(entries):
    """A symmetric 2 by 2 matrix in words."""
    first, both, second = (n(float(value), 4) for value in entries)
    return f"[[{first}, {both}], [{both}, {second}]]"


def covariance(row, prefix="derived"):
    return [row[f"{prefix}.{name}"] for name in ("var_first", "cov", "var_second")]


def evidence(chosen):
    """Fits with both answers and the verdict's reason."""
    names = {
        "guide": "guide", "step_size": "step size", "seed": "seed", "converged": "converged?",
        "adequate": "adequate?", "verdict": "verdict", "reason": "reason",
    }  # fmt: skip
    display(nb.table(pd.DataFrame(chosen).astype({"step_size": float, "seed": int}), names))


def words(verdict):
    return verdict.replace("_", " ")


origin = named[(named["label"] == "tutorial_full_rank") & (named["verdict"] != "failed")]
origin = None if origin.empty else origin.iloc[0]
full = cell(MODEL, FULL)
setting = gaussian.shared_setting(fits)
step_size = setting[1]
side_by_side = {guide: cell(MODEL, guide, setting) for guide in (FULL, MEAN_FIELD)}
wrong = side_by_side[MEAN_FIELD]
display(nb.say(f"# {title}"))
display(
    nb.say(
        "A two-dimensional Gaussian, three times as long as wide and turned by 45 degrees. What do "
        "automatic guides recover of its covariance, and in which space? This page repeats the "
        "experiment of a published tutorial on stochastic variational inference, called *the "
        f"origin* below, over {grid['guide'].nunique()} autoguides, "
        f"{grid['num_particles'].nunique()} particle counts, {grid['step_size'].nunique()} step "
        f"sizes and {grid['seed'].nunique()} seeds."
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
if len(wrong):
    points.append(
        f"**Converged and adequate are two questions.** At step size {step_size:g} with "
        f"{wrong['num_particles'].iloc[0]} particles the mean-field guide `{MEAN_FIELD}` converges "
        f"for {int(wrong['converged'].sum())} of {len(wrong)} seeds. Its variances are "
        f"{n(wrong['derived.var_first'].median())} and {n(wrong['derived.var_second'].median())} "
        f"where the truth is {n(exact['var_first'], 1)}; the best a guide without correlation can "
        f"do is {n(two_questions.MEAN_FIELD_VARIANCE, 2)}. Its KL divergence is "
        f"{n(wrong['kl'].median())} nats, and the verdict *inadequate* is given to "
        f"{int((wrong['verdict'] == 'inadequate').sum())} of the {len(wrong)}."
    )
if len(full):
    top = best.loc[MODEL, FULL]
    averaged = full[[f"derived_averaged.{c}" for c in ("var_first", "cov", "var_second")]].median()
    points.append(
        f"The full-rank guide `{FULL}` with {top['num_particles']} particles and step size "
        f"{top['step_size']:g} is adequate for {round(top['adequate'] * top['fits'])} of "
        f"{top['fits']} seeds. Its averaged iterates have the median covariance "
        f"{matrix(averaged)}; exact is {matrix(gaussian.EXACT[MODEL].ravel()[[0, 1, 3]])}."
    )
if origin is not None:
    points.append(
        f"The origin's run gives {matrix(covariance(origin))} here, "
        f"{matrix([shape.PUBLISHED[c] for c in ('var_first', 'cov', 'var_second')])} in print. Its "
        f"verdict is **{words(origin['verdict'])}**."
    )
points += [
    "The covariance is $L L^\\top$ with $L$ = `auto_scale_tril`, not its inverse, which the origin "
    "writes.",
    "$L$ belongs to the unconstrained space. For a parameter $s > 0$ the guide holds $\\ln\, s$, "
    "and $L L^\\top$ is not the covariance of $s$; [below](#a-positive-parameter) is how to "
    "convert it.",
]
if len(compared):
    points.append(
        f"{int(compared['ok'].sum())} of {len(compared)} published, exact and earlier measured "
        "values are met within their tolerances."
    )
display(nb.say("\n".join(f"- {point}" for point in points)))

# %% [markdown]
# ## Model, data, exact posterior
#
# There are no data: the density itself is given. With $u$ along the long axis and $v$ across,
#
# $$u = \frac{x + y}{\sqrt{2}}, \qquad v = \frac{y - x}{\sqrt{2}}, \qquad \ln\, P(x, y) = -\frac{v^2}{2 \sigma_1^2} - \frac{u^2}{2 \sigma_2^2}, \qquad \sigma_1 = 1, \; \sigma_2 = 3.$$
#
# The model gives $x$ and $y$ flat, improper priors over the real line and adds $\ln\, P$ as a
# `factor`. So the posterior is a Gaussian with mean 0,
# covariance $\Sigma$ and evidence $Z$:
#
# $$\Sigma_{11} = \Sigma_{22} = 5, \quad \Sigma_{12} = 4, \qquad Z = \int P \, dx \, dy = 2 \pi \sigma_1 \sigma_2, \qquad \ln\, Z = \ln(6 \pi).$$
#
# The second model, `positive`, has the same shape on a smaller scale ($\sigma_1 = 0.2$, $\sigma_2 =
# 0.6$) for $x$ and $\ln\, s$ with $s > 0$: the variable that the reader wants, $s$, is not the one
# that is Gaussian.

# %%
rows = []
for model, first, second in (("unconstrained", "x", "y"), ("positive", "ln s", "x")):
    shapes = {k: float(v) for k, v in gaussian.quantities(gaussian.EXACT[model]).items()}
    rows.append({"model": model, "space": f"{first}, {second}", **shapes,
                 "ln Z": float(found.reference(model).attrs["log_evidence"])})  # fmt: skip
names = {
    "model": "model", "space": "coordinates", "var_first": "variance, first",
    "var_second": "second", "cov": "covariance", "sd_short": "short sd",
    "sd_long": "long sd", "angle_degrees": "angle (degrees)", "ln Z": "ln Z (nats)",
}  # fmt: skip
display(nb.table(pd.DataFrame(rows), names, digits=5))

# %% [markdown]
# ## The guides
#
# All are NumPyro's automatic guides; all work in the unconstrained space.
#
# | guide | family |
# |---|---|
# | `AutoMultivariateNormal` | a Gaussian with any covariance, $L L^\top$: contains the posterior |
# | `AutoLowRankMultivariateNormal` | a Gaussian with covariance $D + W W^\top$, here as rich as the first |
# | `AutoNormal`, `AutoDiagonalNormal` | Gaussians without correlation (mean field): no member fits |
# | `AutoLaplaceApproximation` | a Gaussian at the mode with the curvature there: exact for a Gaussian |
# | `AutoIAFNormal`, `AutoBNAFNormal` | a standard Normal sent through a neural network (flows) |

# %% [markdown]
# ## Verdicts

# %%
show("verdicts")
display(nb.counts(grid, ("model", "guide")))

# %% [markdown]
# The best setting of each guide has the largest share of adequate seeds, then of converged ones,
# then the smallest KL divergence, then the fewest particles. KL, error of the mean and ratio of
# standard deviations are medians over the seeds.

# %%
display(nb.best(fits))
show("kl_by_step_size")

# %%
display(nb.say(nb.SMALLER_STEP), nb.smaller_step(fits))

# %% [markdown]
# ## The covariance from auto_scale_tril
#
# With $L$ = `auto_scale_tril` the guide draws $\epsilon$ from a standard Normal and returns
# $z = m + L \epsilon$. So its covariance is
#
# $$\mathrm{Cov}(z) = \mathbb{E}[L \epsilon \epsilon^\top L^\top] = L L^\top.$$
#
# The origin's text has the inverse, $(L L^\top)^{-1}$, which is the precision. Its printed numbers
# are those of $L L^\top$.

# %%
if origin is not None:
    rows = [
        {"quantity": shape.NAMES[name], "published": shape.PUBLISHED[name],
         "last": origin[f"derived.{name}"], "averaged": origin[f"derived_averaged.{name}"],
         "exact": exact[name]}
        for name in gaussian.QUANTITIES
    ]  # fmt: skip
    display(nb.table(pd.DataFrame(rows), {
        "quantity": "quantity", "published": "published", "last": "this run, last iterate",
        "averaged": "this run, averaged iterates", "exact": "exact",
    }, digits=4))  # fmt: skip
    in_print = [shape.PUBLISHED[c] for c in ("var_first", "cov", "var_second")]
    implied = gaussian.quantities(np.array([in_print[:2], in_print[1:]]))["angle_degrees"]
    display(
        nb.say(
            f"The angle in print is {n(90 - shape.PUBLISHED['angle_degrees'], 4)} degrees, but the "
            f"covariance in print has its long axis {n(float(implied), 4)} degrees from the x "
            "axis. So the origin measures from the y axis, and the table has 90 degrees minus its number."
        )
    )
    first, both, second = covariance(origin)
    inverse = np.linalg.inv([[first, both], [both, second]])
    display(
        nb.say(
            "The inverse of this run's $L L^\\top$ would be "
            f"{matrix(inverse.ravel()[[0, 1, 3]])}: variances about nine times too small and a "
            "correlation of the wrong sign."
        )
    )
show(
    "rotated_gaussian.draws",
    "The exact density, draws from it, from the origin's full-rank fit, and from a mean-field fit "
    "that has converged. Dashed: exact contours.",
)

# %%
if origin is not None:
    evidence([origin])
    display(
        nb.say(
            f"The mean of the last 5 % of the losses of that run is "
            f"{nb.measured(origin['final_loss'], origin['final_loss_se'])} nats; minus the log "
            f"evidence is {n(-log_evidence, 7)}."
        )
    )

# %% [markdown]
# ### By guide and step size, over the seeds

# %%
show(
    "rotated_gaussian.shape",
    "Dots are medians over the seeds of the last iterate, bars their 10 to 90 % range. Where the "
    "guide is no Gaussian, or its parameters hold no covariance, the numbers are from its draws "
    "and carry their sampling error of about 2 %.",
)
measured = gaussian.of_fits(found, MODEL)
rows = []
for guide in grid.loc[grid["model"] == MODEL, "guide"].unique():
    there = cell(MODEL, guide)
    if there.empty:
        continue
    of_best = measured.loc[there.index]
    values = {}
    for name in gaussian.QUANTITIES:
        known = of_best[name].dropna()
        low, middle, high = (known.quantile(q) for q in (0.1, 0.5, 0.9))
        values[name] = f"{n(middle)} ({n(low)} to {n(high)})" if len(known) else nb.MISSING
    top = best.loc[MODEL, guide]
    values["setting"] = f"{top['num_particles']}, {top['step_size']:g}"
    rows.append({"guide": guide, **values})
rows.append({"guide": "exact", "setting": "", **{name: n(v, 3) for name, v in exact.items()}})
display(
    nb.say(
        "At each guide's best setting (particles, step size), median over the seeds and 10 to 90 % "
        "range:"
    )
)
columns = {"guide": "guide", "setting": "setting", **shape.NAMES}
del columns["var_second"]
display(nb.table(pd.DataFrame(rows), columns))

# %% [markdown]
# ## Converged is not adequate
#
# The best Gaussian without correlation has the inverse of the *precision's* diagonal as variances,
# not the diagonal of the covariance:
#
# $$\frac{1}{(\Sigma^{-1})_{11}} = \frac{9}{5} = 1.8, \qquad \mathrm{KL} = \frac{1}{2} \ln \frac{\det\, \Sigma}{1.8^2} = \ln \frac{5}{3} = 0.510826.$$
#
# It cuts across the long axis, where most of the mass is, and no step size, particle count or
# number of steps moves it from there.

# %%
show(
    "rotated_gaussian.two_questions",
    f"Left and middle: both guides with {wrong['num_particles'].iloc[0] if len(wrong) else 'many'} "
    f"particles at step size {step_size:g}, a line a seed. Right: every fit of the grid; to the "
    "left of the vertical line its parameters are at rest, between the horizontal lines its "
    "standard deviations are right.",
)
statistics = {
    "elbo_gap": "left to gain (nats a parameter)", "rhat": "split R-hat of the parameters",
    "loss_drift": "drift of the loss (nats per 1,000 steps)",
    "averaging_gain": "gain by averaging the iterates (nats)",
    "final_loss": "loss, end of the run (nats)",
    "kl": "KL to the posterior (nats)", "khat": "Pareto k-hat",
    "mean_error": "error of the worst mean (sd)", "sd_ratio": "worst ratio of sds",
    "derived.var_first": "variance of x", "derived.var_second": "variance of y",
}  # fmt: skip
both = {guide: rows for guide, rows in side_by_side.items() if len(rows)}
rows = [
    {"statistic": label, **{guide: over_seeds(there[name]) for guide, there in both.items()}}
    for name, label in statistics.items()
]
for question in ("converged", "adequate"):
    counted = {
        g: f"{int(there[question].sum())} of {len(there)} seeds" for g, there in both.items()
    }
    rows.append({"statistic": f"{question}?", **counted})
display(
    nb.say(
        f"The two guides at step size {step_size:g} with the same number of particles, means over "
        "the seeds with their standard errors:"
    )
)
display(nb.table(pd.DataFrame(rows)))
display(
    nb.say(
        "Nothing in the first four rows sets the two apart: what is left to gain, R-hat, drift and "
        "averaging look at the optimiser, and the optimiser is done. A mean is no help either, "
        "since both means are right. What tells is the comparison with the posterior, or, without one, "
        "k-hat: the importance weights of the narrow guide have a heavier tail."
    )
)
display(nb.say("Of each guide the fit with the median KL divergence there:"))
evidence([gaussian.typical_fit(there) for there in both.values()])

# %% [markdown]
# ## A positive parameter
#
# In the model `positive` the guide holds $(\ln\, s, x)$, in the order of the sites' names, and
# $C = L L^\top$ is the covariance of these two. With $m$ the guide's mean, $s$ is log-normal:
#
# $$\mathbb{E}[s] = e^{m_1 + C_{11} / 2}, \qquad \mathrm{Var}(s) = (e^{C_{11}} - 1) \, \mathbb{E}[s]^2, \qquad \mathrm{Cov}(x, s) = C_{12} \, \mathbb{E}[s].$$
#
# For $m = 0$ and $v = C_{11}$ that is mean $e^{v/2}$ and variance $(e^v - 1) \, e^v$. For other
# transforms there is no such formula; then the covariance of draws is the way, and it always works.

# %%
show(
    "rotated_gaussian.constrained",
    "Left: in the space of the guide, L Lᵀ is the covariance. Middle: the same draws in the "
    "space of the parameters, where it is not. Right: the entries, a point a seed.",
)
there = cell("positive", FULL)
if len(there):
    held = found.fit("positive", FULL, there["label"].iloc[0]).sel(
        iterate="last", step_size=there["step_size"].iloc[0]
    )
    mean, scale = (held[f"param.auto_{name}"].to_numpy() for name in ("loc", "scale_tril"))
    naive = scale @ np.swapaxes(scale, -1, -2)
    centre, converted = constrained.log_normal(mean, naive)
    draws = np.stack([held["site.s"].to_numpy(), held["site.x"].to_numpy()], -1)
    drawn = gaussian.covariance_of(draws)
    true_centre, true = constrained.log_normal(np.zeros(2), gaussian.EXACT["positive"])
    rows = [
        {"quantity": "mean of s", "naive": over_seeds(np.exp(mean[:, 0])),
         "converted": over_seeds(centre[:, 0]), "draws": over_seeds(draws[..., 0].mean(-1)),
         "exact": float(true_centre[0])}
    ]  # fmt: skip
    for entry, label in constrained.ENTRIES.items():
        rows.append({
            "quantity": label, "naive": over_seeds(naive[:, *entry]),
            "converted": over_seeds(converted[:, *entry]), "draws": over_seeds(drawn[:, *entry]),
            "exact": float(true[entry]),
        })  # fmt: skip
    display(nb.table(pd.DataFrame(rows), {
        "quantity": "quantity", "naive": "exp of the mean, L Lᵀ as it is",
        "converted": "converted", "draws": "covariance of draws", "exact": "exact",
    }, digits=5))  # fmt: skip
    display(
        nb.say(
            f"Means over {len(there)} seeds with their standard errors. Read as the variance of "
            f"$s$, $L L^\\top$ is {n(naive[:, 0, 0].mean() / true[0, 0], 2)} of the truth; the "
            "error grows with $C_{11}$."
        )
    )

# %% [markdown]
# ## Losses of all settings

# %%
show("loss")

# %%
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
