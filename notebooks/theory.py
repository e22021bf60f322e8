# %% [markdown]
# # KL, ELBO and evidence: the theory, checked
#
# What does variational inference minimise? The answer is derived in a few lines and then measured: along a
# whole fit of the [coin]({{ experiment }}.html), the ELBO and the KL divergence add up to the log evidence.

# %% tags=["parameters"]
spec = "results/coin/specs/notebook/theory.json"

# %%
from svi_atlas.report.notebook_page import Page

page = Page(spec)

# %% [markdown]
# ## In short
#
# - {{ in_short_sum }}
# - $\mathrm{KL}(q \,\|\, p) = \ln\, Z - \mathrm{ELBO}(q) \ge 0$. So the loss, minus the ELBO, never lies
#   below $-\ln\, Z$ on average, and its distance from there is the KL divergence.
# - The tutorial's identities contain sign errors; with them a KL divergence would come out negative, or off
#   by twice the ELBO. [Each sign is tested below](#the-signs-one-by-one).
# - {{ in_short_flat }}

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
# and it is zero only if $q = p$. Inserting $\ln\, p = \ln\, P - \ln\, Z$ into the definition gives
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
# closed form; the ELBO from fresh draws of the guide, which are independent of those of the fit.
# With $\psi$ the digamma function, $a = \alpha_q$, $b = \beta_q$, and the posterior
# $\mathrm{Beta}(\alpha, \beta)$,
#
# $$\mathrm{KL} = \ln \frac{B(\alpha, \beta)}{B(a, b)} + (a - \alpha) \, \psi(a) + (b - \beta) \, \psi(b) + (\alpha - a + \beta - b) \, \psi(a + b).$$

# %%
page.figure("theory.identity")

# %% [markdown]
# {{ points }}
# ln Z is {{ log_evidence }}.

# %%
page.table("theory.points", digits=4)

# %% [markdown]
# The standard errors shrink along the fit. That is no accident: the closer the guide is to the posterior,
# the less $\ln\, P(z) - \ln\, q(z)$ depends on $z$. At the optimum it is the constant $\ln\, Z$, and a
# single draw would be enough.

# %% [markdown]
# ## The signs, one by one
#
# What each way of writing the identities gives, at the start and at the end of this fit. Only a line that
# is right at both can be right.

# %%
page.table("theory.signs")

# %% [markdown]
# {{ swapped }}

# %% [markdown]
# ## A guide closing in
#
# The KL divergence falls by equal factors from panel to panel. To the eye the fit is finished halfway;
# most of the steps are still to come by then.

# %%
page.figure("theory.closing_in")

# %% [markdown]
# ## The other direction
#
# $\mathrm{KL}(p \,\|\, q)$ is a different number. Variational inference minimises $\mathrm{KL}(q \,\|\,
# p)$, a mean under the guide: where the guide has no mass, nothing is measured. That is why a guide can sit
# on one of two modes, or be too narrow, at a low loss.

# %%
page.table("theory.directions")

# %%
page.reproduce()
