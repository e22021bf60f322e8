# %% tags=["parameters"]
results = "results"
experiment = "coin"
title = "Fairness of a coin"
figures = ["theory.identity", "theory.closing_in"]

# %%
import numpy as np
import pandas as pd
from IPython.display import display
from scipy import stats

from svi_atlas.plots.theory._beta import RUN, course
from svi_atlas.report import show as nb
from svi_atlas.results.store import Results

found = Results(results, experiment)
fit = course(found, 60)
n = nb.number
NUM_DRAWS, SEED = 20_000, 1
elbo, error = fit.elbo(NUM_DRAWS, SEED)
off = elbo + fit.kl - fit.log_evidence
scores = off / error


def show(name, caption=None):
    if name in figures:
        display(nb.figure(found, name, caption))


display(nb.say("# KL, ELBO and evidence: the theory, checked"))
display(
    nb.say(
        "What variational inference minimises, derived in a few lines, and then measured: along a "
        "whole fit of the [coin](coin.html) the ELBO and the KL divergence add up to the log "
        "evidence."
        if experiment == "coin"
        else "What variational inference minimises, derived in a few lines, and then measured."
    )
)

# %% [markdown]
# ## In short

# %%
inside = int((np.abs(scores) <= 2).sum())
points = [
    f"At {len(fit.step)} points of one fit, from its start to step {int(fit.step[-1]):,}, ELBO + "
    f"KL $-$ ln $Z$ lies between {n(off.min(), 2)} and {n(off.max(), 2)} nats. In units of its own "
    f"Monte Carlo error its mean is {n(scores.mean(), 2)} and its standard deviation "
    f"{n(scores.std(ddof=1), 3)}; {inside} of {len(scores)} points are within two errors.",
    "$\\mathrm{KL}(q \\,\\|\\, p) = \\ln\\, Z - \\mathrm{ELBO}(q) \\ge 0$. So the loss, minus the "
    "ELBO, never lies below $-\\ln\\, Z$ on average, and its distance from there is the KL divergence.",
    "The origin's identities carry sign slips; with them a KL divergence would come out negative, "
    "or off by twice the ELBO. [Each sign is put to the test below](#the-signs-one-by-one).",
    f"Near the optimum the loss says little: between steps "
    f"{int(fit.step[fit.kl < 0.01][0]):,} and {int(fit.step[-1]):,} it falls by "
    f"{n(fit.kl[fit.kl < 0.01][0] - fit.kl[-1], 2)} nats while alpha_q still moves from "
    f"{n(fit.alpha_q[fit.kl < 0.01][0], 4)} to {n(fit.alpha_q[-1], 4)}.",
]
display(nb.say("\n".join(f"- {point}" for point in points)))

# %% [markdown]
# ## The derivation
#
# Let $P(z) = p(x, z)$ be the joint density of data $x$ and parameters $z$, as a function of $z$.
# It is the posterior before normalisation:
#
# $$p(z \mid x) = \frac{P(z)}{Z}, \qquad Z = \int P(z) \, dz.$$
#
# $Z$ is the evidence. The KL divergence of a guide $q$ from the posterior $p$ is the mean, under
# $q$, of the log ratio of the two:
#
# $$\mathrm{KL}(q \,\|\, p) = \mathbb{E}_q[\ln\, q(z) - \ln\, p(z \mid x)].$$
#
# It is never negative, because $-\ln$ is convex (Jensen's inequality):
#
# $$\mathrm{KL}(q \,\|\, p) = \mathbb{E}_q[-\ln\, r(z)] \;\ge\; -\ln\, \mathbb{E}_q[r(z)] \;\ge\; -\ln\, 1 = 0, \qquad r(z) = \frac{p(z \mid x)}{q(z)},$$
#
# and it is zero only if $q = p$. Putting $\ln\, p = \ln\, P - \ln\, Z$ into the definition gives
#
# $$\mathrm{KL}(q \,\|\, p) = \ln\, Z - \mathbb{E}_q[\ln\, P(z) - \ln\, q(z)].$$
#
# The mean on the right is the evidence lower bound,
#
# $$\mathrm{ELBO}(q) = \mathbb{E}_q[\ln\, P(z) - \ln\, q(z)] = \ln\, Z - \mathrm{KL}(q \,\|\, p) \;\le\; \ln\, Z.$$
#
# $Z$ does not depend on $q$, so that raising the ELBO lowers the KL divergence by the same amount.
# The ELBO needs only $P$, not $Z$, and draws from $q$ estimate it:
#
# $$\mathrm{loss} = -\frac{1}{S} \sum_{s} \; [\ln\, P(z_s) - \ln\, q(z_s)], \qquad z_s \sim q.$$
#
# $S$ is the number of particles. If $q$ has mass where $P = 0$, the ELBO is $-\infty$.

# %% [markdown]
# ## Checked along a fit
#
# For the coin all three terms are known or can be measured, independently of each other: $\ln\, Z =
# \ln\, B(h + 1, t + 1)$ for $h$ heads and $t$ tails; the KL divergence of two Beta densities in
# closed form; the ELBO from fresh draws of the guide, which share nothing with those of the fit.
# With $\psi$ the digamma function, $a = \alpha_q$, $b = \beta_q$, and the posterior
# $\mathrm{Beta}(\alpha, \beta)$,
#
# $$\mathrm{KL} = \ln \frac{B(\alpha, \beta)}{B(a, b)} + (a - \alpha) \, \psi(a) + (b - \beta) \, \psi(b) + (\alpha - a + \beta - b) \, \psi(a + b).$$

# %%
show(
    "theory.identity",
    f"The run {RUN} of the coin. Left: the ELBO rises to ln Z, and the gap is the KL divergence. "
    "Middle: the sum of the two minus ln Z, with two standard errors. Right: the same in units of its "
    "standard error; about one point in twenty falls outside of the grey band by chance.",
)
shown = np.unique(np.linspace(0, len(fit.step) - 1, 9).round().astype(int))
rows = [
    {
        "step": int(fit.step[i]), "alpha_q": fit.alpha_q[i], "beta_q": fit.beta_q[i],
        "elbo": nb.measured(elbo[i], error[i]), "kl": fit.kl[i],
        "sum": nb.measured(elbo[i] + fit.kl[i], error[i]), "score": float(scores[i]),
    }
    for i in shown
]  # fmt: skip
display(
    nb.say(
        f"Nine of these points, with {NUM_DRAWS:,} draws each, other ones than in the figure. ln Z is "
        f"{n(fit.log_evidence, 8)}."
    )
)
display(nb.table(pd.DataFrame(rows), {
    "step": "step", "alpha_q": "alpha_q", "beta_q": "beta_q", "elbo": "ELBO, fresh draws",
    "kl": "KL, closed form", "sum": "sum", "score": "sum minus ln Z, in errors",
}, digits=4))  # fmt: skip
display(
    nb.say(
        "The error bars shrink along the fit. That is no accident: the closer the guide is to the "
        "posterior, the less $\\ln\\, P(z) - \\ln\\, q(z)$ depends on $z$. At the optimum it is the "
        "constant $\\ln\\, Z$, and a single draw would do."
    )
)

# %% [markdown]
# ## The signs, one by one
#
# What each way of writing the identities gives, at the start and at the end of this fit. Only a
# line that is right at both can be right.

# %%
z, minus = fit.log_evidence, nb.MINUS
ways = {
    "closed form (the truth)": (fit.kl, ""),
    f"ln Z {minus} ELBO": (z - elbo, "right"),
    f"ELBO {minus} ln Z": (elbo - z, "wrong: negative"),
    "ln Z + ELBO": (z + elbo, "wrong: off by twice the ELBO"),
    f"mean of ln p {minus} ln q under q": (-fit.kl, "wrong: negative"),
}
rows = [
    {"written as": way, "start": values[0], "end": values[-1], "judgement": judgement}
    for way, (values, judgement) in ways.items()
]
display(nb.table(pd.DataFrame(rows), {
    "written as": "KL(q‖p) written as", "start": "at the start (nats)", "end": "at the end (nats)",
    "judgement": "",
}))  # fmt: skip
display(
    nb.say(
        "In the same way the ELBO is $\\mathbb{E}_q[\\ln\\, P - \\ln\\, q]$: "
        f"{nb.measured(elbo[-1], error[-1])} at the end. With the two swapped it is the loss, "
        f"{nb.measured(-elbo[-1], error[-1])}, and maximising that would drive the guide away from "
        "the posterior."
    )
)

# %% [markdown]
# ## A guide closing in
#
# The KL divergence falls by equal factors from panel to panel. To the eye the fit is done halfway;
# by then most of the steps are still to come.

# %%
show(
    "theory.closing_in",
    "Beta guide (line) and posterior (grey) along the same fit, at the steps at which the KL "
    "divergence has shrunk by equal factors; the last panel is the end of the fit.",
)

# %% [markdown]
# ## The other direction
#
# $\mathrm{KL}(p \,\|\, q)$ is another number. Variational inference minimises $\mathrm{KL}(q \,\|\,
# p)$, the mean under the guide: where the guide has no mass, nothing is measured. That is why a
# guide can sit on one of two modes, or be too narrow, at a low loss.

# %%
rows = []
for i in (0, len(fit.step) // 2, len(fit.step) - 1):
    a, b = fit.alpha_q[i], fit.beta_q[i]
    f = np.linspace(0, 1, 200_001)[1:-1]
    posterior = stats.beta(fit.alpha, fit.beta)
    ratio = posterior.logpdf(f) - stats.beta.logpdf(f, a, b)
    rows.append({
        "step": int(fit.step[i]), "forward": fit.kl[i],
        "reverse": float(np.trapezoid(posterior.pdf(f) * ratio, f)),
    })  # fmt: skip
display(nb.table(pd.DataFrame(rows), {
    "step": "step", "forward": "KL(q‖p), what is minimised (nats)", "reverse": "KL(p‖q) (nats)",
}))  # fmt: skip

# %% [markdown]
# ## Reproduce and reuse

# %%
display(nb.rerun(found, f"{experiment}-theory", more=""), nb.downloads(found))
