# %% tags=["parameters"]
results = "results"
experiment = "coin"
title = "Fairness of a coin"
figures = ["loss", "verdicts"]

# %%
import numpy as np
import pandas as pd
from IPython.display import display
from scipy import special, stats

from svi_atlas.report import show as nb
from svi_atlas.results.store import Results

found = Results(results, experiment)
fits, reference = found.table(), found.reference()
grid = nb.grid_fits(fits)
named = fits.drop(grid.index)
obs = found.data()["obs"].to_numpy()
heads, tails = int(obs.sum()), int(obs.size - obs.sum())
alpha, beta = heads + 1, tails + 1
log_evidence = float(reference.attrs["log_evidence"])
best = nb.best_settings(fits).set_index("guide")
n = nb.number


def show(name, caption=None):
    if name in figures:
        display(nb.figure(found, name, caption))


def run(name):
    """A named run that did not fail, or None."""
    row = named[(named["label"] == name) & (named["verdict"] != "failed")]
    return None if row.empty else row.iloc[0]


def at_best(guide):
    """The fits of a guide's best setting."""
    setting = best.loc[guide]
    same = (grid["label"] == setting["label"]) & (grid["step_size"] == setting["step_size"])
    return grid[same & (grid["guide"] == guide)]


def kl_of_betas(a, b):
    """KL(Beta(a, b) || posterior), nats, in closed form."""
    return (
        special.betaln(alpha, beta) - special.betaln(a, b)
        + (a - alpha) * special.psi(a) + (b - beta) * special.psi(b)
        + (alpha - a + beta - b) * special.psi(a + b)
    )  # fmt: skip


one, many, normal = map(
    run, ("tutorial_beta_1_particle", "tutorial_beta_32_particles", "tutorial_normal")
)
display(nb.say(f"# {title}"))
display(
    nb.say(
        f"A coin is tossed {heads + tails} times and shows {heads} heads and {tails} tails. How "
        "fair is it? The posterior is known exactly, so every fit can be held against the truth. "
        "This page repeats a published tutorial on stochastic variational inference, called *the "
        f"origin* below, run for run, and repeats its questions over {grid['guide'].nunique()} "
        f"guides, {grid['num_particles'].nunique()} particle counts, "
        f"{grid['step_size'].nunique()} step sizes and {grid['seed'].nunique()} seeds."
    )
)

# %% [markdown]
# ## In short

# %%
verdicts = fits["verdict"].value_counts()
compared = found.verification()
points = [
    f"Of {len(fits):,} fits, "
    + ", ".join(f"{verdicts[v]:,} are {v.replace('_', ' ')}" for v in nb.ORDER if v in verdicts)
    + "."
]
if one is not None:
    points.append(
        "The origin's run of the `beta` guide with one particle ends with a loss "
        f"{n(abs(one['final_loss'] + log_evidence), 2)} nats from the optimum, yet with alpha_q "
        f"{n(one['param.alpha_q'], 4)} and beta_q {n(one['param.beta_q'], 4)} in place of {alpha} "
        f"and {beta}. Its verdict is **{one['verdict'].replace('_', ' ')}**."
    )
if "beta" in best.index:
    top = best.loc["beta"]
    there = at_best("beta")
    points.append(
        f"The same guide with {top['num_particles']} particles and step size {top['step_size']:g} "
        f"is adequate for {round(top['adequate'] * top['fits'])} of {top['fits']} seeds; the "
        "median over the seeds of its averaged iterates is alpha_q "
        f"{n(there['param_averaged.alpha_q'].median(), 4)}, beta_q "
        f"{n(there['param_averaged.beta_q'].median(), 4)}."
    )
points += [
    f"The origin measures its fits against Beta({heads}, {tails}). The posterior under a uniform "
    f"prior is Beta({alpha}, {beta}).",
    "A Normal guide puts mass outside (0, 1), where the loss is infinite. A Normal truncated to "
    "(0, 1), or a Normal for the logit of f, does not.",
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
# The fairness $f$ is the probability of heads, the tosses $x_i$ are 0 or 1:
#
# $$f \;\sim\; \mathrm{Uniform}(0, 1), \qquad x_i \mid f \;\sim\; \mathrm{Bernoulli}(f), \quad i = 1, \dots, N.$$
#
# With $h$ heads and $t$ tails the joint density is $P(f) = f^h (1 - f)^t$. It integrates to the
# evidence $Z = B(h + 1, t + 1)$, so that
#
# $$p(f \mid x) = \frac{f^{h} (1 - f)^{t}}{B(h + 1, t + 1)} = \mathrm{Beta}(f;\; h + 1,\; t + 1).$$

# %%
rows = [
    {
        "what": what,
        "density": f"Beta({a}, {b})",
        "mean": law.mean(),
        "sd": law.std(),
        "variance": law.var(),
    }
    for what, a, b in (("exact posterior", alpha, beta), ("the origin's “truth”", heads, tails))
    for law in [stats.beta(a, b)]
]
display(nb.table(pd.DataFrame(rows), digits=4))
display(
    nb.say(
        f"The log evidence is ln B({alpha}, {beta}) = {n(log_evidence, 8)}: no loss can stay, on "
        f"average, below {n(-log_evidence, 8)} nats."
    )
)

# %% [markdown]
# ### What the origin says about the posterior
#
# - Its reference is $\mathrm{Beta}(h, t)$. That is the posterior under the improper prior
#   $1 / [f (1 - f)]$, not under the uniform prior of its model, which adds one to each parameter.
#   Its mean is the observed share of heads; the table above shows how far mean and standard
#   deviation are off.
# - Its row labelled “Var” holds a standard deviation: compare the last two columns above.
# - Its formula for the Beta density lacks the $(1 - f)$. The density is
#   $f^{\alpha - 1} (1 - f)^{\beta - 1} / B(\alpha, \beta)$; without the second factor it would rise
#   all the way to $f = 1$.

# %%
show(
    "coin.density",
    "Left: exact posterior (filled) and fitted guides; of each guide the fit with the median KL "
    "divergence of its best setting. Right: the same curves minus the exact density. The dashed "
    "curve is the origin's reference, the dotted one its own one-particle fit.",
)

# %% [markdown]
# ## The guides
#
# | guide | family | parameters (start) |
# |---|---|---|
# | `beta` | $\mathrm{Beta}(\alpha_q, \beta_q)$: contains the posterior | alpha_q (10), beta_q (10) |
# | `normal` | $N(m, s)$ on the whole line: no member fits, and part of its mass lies outside (0, 1) | mean (0.5), sd (0.1) |
# | `truncated_normal` | $N(m, s)$ truncated to (0, 1) | mean (0.5), sd (0.1) |
# | `AutoNormal` | a Normal for $\mathrm{logit}(f)$, made automatically | location (random), scale (0.1) |
# | `AutoLaplaceApproximation` | a Normal for $\mathrm{logit}(f)$ at the mode, from the curvature there | location (random) |
#
# All fits use Adam, and the loss is estimated with as many draws (particles) as stated.

# %% [markdown]
# ## Verdicts

# %%
show("verdicts")
display(nb.counts(grid))

# %% [markdown]
# The best setting of each guide has the largest share of adequate seeds, then of converged ones,
# then the smallest KL divergence, then the fewest particles. KL, error of the mean and ratio of
# standard deviations are medians over the seeds.

# %%
display(nb.best(fits))

# %%
show(
    "kl_by_step_size",
    "KL divergence from the posterior of the last iterate: a point a seed, a line the median. Too "
    "small a step does not arrive in the steps it is given; too large a step arrives and then "
    "jumps about; more particles make the jumps smaller. Open circles are below their own Monte "
    "Carlo error and drawn at it.",
)

# %%
display(nb.say(nb.SMALLER_STEP), nb.smaller_step(fits))

# %% [markdown]
# ## A flat loss is not convergence
#
# The loss is flat at its minimum: an error of size $\epsilon$ in the parameters costs only of the
# order of $\epsilon^2$ nats, which soon drowns in the noise of the estimate. So the loss can look
# settled long before the parameters are.

# %%
show(
    "coin.tutorial_loss",
    "The origin's three runs. The losses are skewed, so their running median, the line the origin "
    "draws, differs from their mean. Minus the log evidence bounds the mean, not the median.",
)
if one is not None:
    a, b = one["param.alpha_q"], one["param.beta_q"]
    settled = abs(one["final_loss"] + log_evidence) < 0.01
    answers = {True: "yes", False: "no"}
    adequate, converged = (answers.get(one[name], "unknown") for name in ("adequate", "converged"))
    text = (
        "**One particle.** The mean of the last 5 % of the losses is "
        f"{nb.measured(one['final_loss'], one['final_loss_se'])} nats; the optimum is "
        f"{n(-log_evidence, 6)}. "
        + ("The plot shows nothing left to gain. " if settled else "")
        + f"But alpha_q is {n(a, 4)} and beta_q is {n(b, 4)}, {n(100 * (1 - a / alpha), 2)} % and "
        f"{n(100 * (1 - b / beta), 2)} % short of {alpha} and {beta}. The KL divergence is "
        f"{n(kl_of_betas(a, b), 2)} nats in closed form "
        f"({nb.measured(one['kl'], one['kl_se'])} from fresh draws), and fresh draws also tell, "
        f"without knowing the posterior, that {nb.measured(one['elbo_gap'], one['elbo_gap_se'])} nats for "
        f"each of its two parameters are left to gain. Split R-hat of the "
        f"parameters is {n(one['rhat'], 3)} over the best window of the run, {one['window']:,} "
        f"steps. To the question *adequate?* the answer is **{adequate}**, to "
        f"*converged?* it is **{converged}**."
    )
    display(nb.say(text))
if many is not None:
    a, b = many["param.alpha_q"], many["param.beta_q"]
    display(
        nb.say(
            f"**{many['num_particles']} particles**, otherwise the same run: alpha_q {n(a, 4)}, "
            f"beta_q {n(b, 4)}, KL {n(kl_of_betas(a, b), 2)} nats. Adam divides the gradient by "
            "its size, noise included: with less noise it moves faster along the direction in "
            "which the loss is nearly flat."
        )
    )

# %%
show("coin.particles")
display(nb.evidence(named))

# %%
show(
    "coin.traces",
    "alpha_q and beta_q of the beta guide at each step, every seed a line, the exact values "
    "dashed. The steps are too small on the left, too large on the right.",
)
settings = grid[(grid["guide"] == "beta") & (grid["verdict"] != "failed")].assign(
    good=lambda t: t["verdict"] == "adequate"
)
if len(settings):
    columns = {
        "num_particles": "particles", "step_size": "step size", "param.alpha_q": "alpha_q, last",
        "param_averaged.alpha_q": "alpha_q, average", "param.beta_q": "beta_q, last",
        "param_averaged.beta_q": "beta_q, average", "kl": "KL, last", "kl_averaged": "KL, average",
        "good": "adequate",
    }  # fmt: skip
    keys = ["num_particles", "step_size"]
    medians = settings.groupby(keys)[[c for c in columns if c not in keys]].agg(
        {c: "sum" if c == "good" else "median" for c in columns if c not in keys}
    )
    display(
        nb.say(
            "The `beta` guide by setting, medians over the seeds, of the last iterate and of the "
            "average over the stationary part of the run (KL in nats):"
        )
    )
    display(nb.table(medians.reset_index(), columns))

# %% [markdown]
# ## Signs: loss, ELBO, KL
#
# The origin's identities carry sign slips. With $P(z)$ the unnormalised posterior density, here
# $f^h (1 - f)^t$, and $Z$ its integral,
#
# $$\mathrm{ELBO}(q) = \mathbb{E}_q[\ln\, P(z) - \ln\, q(z)], \qquad \mathrm{loss} = -\mathrm{ELBO}(q),$$
#
# $$\mathrm{KL}(q \,\|\, p) = \mathbb{E}_q[\ln\, q(z) - \ln\, p(z)] = \ln\, Z - \mathrm{ELBO}(q) \;\ge\; 0.$$
#
# So maximising the ELBO minimises the KL divergence from $q$ to $p$, the ELBO never exceeds $\ln\,
# Z$, and where $Z$ is known the KL divergence can be read off the loss.

# %%
if any(name.startswith("theory.") for name in figures):
    display(
        nb.say(
            "The derivation, and a check along a whole fit, are on "
            f"[a page of their own]({experiment}-theory.html)."
        )
    )
if many is not None:
    a, b = many["param.alpha_q"], many["param.beta_q"]
    display(
        nb.say(
            f"Checked on the run with {many['num_particles']} particles: ELBO "
            f"{nb.measured(many['elbo'], many['elbo_se'])}, so KL = {n(log_evidence, 8)} + "
            f"{n(-many['elbo'], 8)} = {nb.measured(many['kl'], many['kl_se'])} nats. In closed "
            f"form, between two Beta densities, it is {n(kl_of_betas(a, b), 2)}."
        )
    )

# %% [markdown]
# ## A guide with support outside (0, 1)
#
# The uniform prior has density 0 outside (0, 1), so a draw of the `normal` guide from there makes
# the loss infinite. Strictly its ELBO is $-\infty$ at every parameter value; the fit works only as
# long as no such draw comes up. The ELBO and KL of this guide below are over the draws inside.

# %%
rows = []
for guide in ("normal", "truncated_normal", "AutoNormal"):
    if guide not in best.index:
        continue
    there, whole = at_best(guide), grid[grid["guide"] == guide]
    outside = 0.0
    if guide == "normal":
        law = stats.norm(there["param.mean"], there["param.sd"])
        outside = float(np.median(law.cdf(0) + law.sf(1)))
    rows.append({
        "guide": guide, "num_particles": best.loc[guide, "num_particles"],
        "step_size": best.loc[guide, "step_size"], "kl": best.loc[guide, "kl"], "outside": outside,
        "infinite": f"{(whole['nonfinite'] > 0).sum()} of {len(whole)}",
        "worst": 100 * whole["nonfinite"].max(),
    })  # fmt: skip
if rows:
    display(nb.table(pd.DataFrame(rows), {
        "guide": "guide", "num_particles": "particles", "step_size": "step size", "kl": "KL (nats)",
        "outside": "mass outside (0, 1)", "infinite": "fits with an infinite loss",
        "worst": "most infinite losses in a fit (%)",
    }))  # fmt: skip
    display(
        nb.say(
            "The first five columns are of the best setting, medians over its seeds; the last two "
            "are of all settings. More particles draw more often, so they meet the outside more "
            "often."
        )
    )
if normal is not None:
    law = stats.norm(normal["param.mean"], normal["param.sd"])
    lost = round(normal["nonfinite"] * normal["num_steps"])
    display(
        nb.say(
            f"The origin's run of this guide ends at mean {n(normal['param.mean'], 4)}, sd "
            f"{n(normal['param.sd'], 4)}, with {n(law.cdf(0) + law.sf(1), 2)} of its mass "
            "outside. "
            + (
                f"{lost} of its {normal['num_steps']:,} losses {'is' if lost == 1 else 'are'} "
                f"infinite, the first at step {n(int(normal['first_nonfinite']))}."
                if lost
                else f"None of its {normal['num_steps']:,} losses is infinite."
            )
        )
    )

# %% [markdown]
# ## Predictive checks
#
# (a) Draws from the fitted guide alone; (b) mock tosses from model, guide and fitted parameters;
# (c) mock tosses from the model and the draws of (a). Ways (b) and (c) must agree.

# %%
show(
    "coin.predictive",
    "(a) Draws of the origin's three fitted guides against the exact and the fitted density.",
)
show(
    "coin.mock",
    "(b) in light, (c) in dark blue, with two standard errors; diamonds are the exact posterior "
    "predictive distribution. Tosses of one mock data set share a fairness, so the errors count "
    "data sets, not tosses.",
)
rows = []
for row in (one, many):
    if row is None:
        continue
    fit = found.fit(row["model"], row["guide"], row["label"])
    if "mock_guide.obs" not in fit:
        continue
    shares = [fit[f"mock_{way}.obs"].to_numpy()[0, 0].mean(-1) for way in ("guide", "draws")]
    errors = [share.std(ddof=1) / np.sqrt(share.size) for share in shares]
    rows.append({
        "label": row["label"], "b": shares[0].mean(), "c": shares[1].mean(),
        "gap": abs(shares[0].mean() - shares[1].mean()) / np.hypot(*errors),
        "exact": alpha / (alpha + beta),
    })  # fmt: skip
if rows:
    display(nb.table(pd.DataFrame(rows), {
        "label": "label", "b": "share of heads, (b)", "c": "share of heads, (c)",
        "gap": "difference in standard errors", "exact": "exact",
    }))  # fmt: skip

# %% [markdown]
# ## Losses of all settings

# %%
show("loss")
elsewhere = ("coin.", "theory.", "statements.")
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
display(nb.rerun(found, settable="Other data, guides, step sizes, particle counts and seeds"))
display(nb.downloads(found))
display(nb.provenance(found))
