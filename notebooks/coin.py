# %% [markdown]
# # Fairness of a coin
#
# A coin is tossed {{ num_tosses }} times and shows {{ heads }} heads and {{ tails }} tails. How fair is it?
# The posterior is known exactly, so that every fit can be compared with the truth. This page repeats a
# published tutorial on stochastic variational inference fit by fit, and then asks the same questions of
# {{ design }}.

# %% tags=["parameters"]
spec = "results/coin/specs/notebook/coin.json"

# %%
from svi_atlas.report.notebook_page import Page

page = Page(spec)

# %% [markdown]
# ## In short
#
# - {{ verdicts }}
# - {{ in_short_tutorial }}
# - {{ in_short_best }}
# - The tutorial compares its fits with Beta({{ heads }}, {{ tails }}). The posterior under a uniform prior
#   is Beta({{ alpha }}, {{ beta }}).
# - A Normal guide puts mass outside (0, 1), where the loss is infinite. A Normal truncated to (0, 1), or a
#   Normal for the logit of f, does not.
# - {{ in_short_verification }}

# %% [markdown]
# ## Model, data, exact posterior
#
# The fairness $f$ is the probability of heads, the tosses $x_i$ are 0 or 1:
#
# $$f \;\sim\; \mathrm{Uniform}(0, 1), \qquad x_i \mid f \;\sim\; \mathrm{Bernoulli}(f), \quad i = 1, \dots, N.$$
#
# With $h$ heads and $t$ tails the joint density is $P(f) = f^h (1 - f)^t$. Its integral is the evidence
# $Z = B(h + 1, t + 1)$, so that
#
# $$p(f \mid x) = \frac{f^{h} (1 - f)^{t}}{B(h + 1, t + 1)} = \mathrm{Beta}(f;\; h + 1,\; t + 1).$$

# %%
page.table("coin.posteriors", digits=4)

# %% [markdown]
# The log evidence is ln B({{ alpha }}, {{ beta }}) = {{ log_evidence }}: on average, no loss can stay below
# {{ minus_log_evidence }} nats.
#
# ### What the tutorial says about the posterior
#
# - Its reference is $\mathrm{Beta}(h, t)$. That is the posterior under the improper prior
#   $1 / [f (1 - f)]$, not under the uniform prior of its model, which adds one to each parameter.
#   Its mean is the observed share of heads; the table above shows how far its mean and its standard
#   deviation are off.
# - Its row labelled “Var” holds a standard deviation: compare the last two columns above.
# - Its formula for the Beta density lacks the factor $1 - f$. The density is
#   $f^{\alpha - 1} (1 - f)^{\beta - 1} / B(\alpha, \beta)$; without the second factor it would rise
#   all the way to $f = 1$.

# %%
page.figure("coin.density")

# %% [markdown]
# ## The guides
#
# | guide | family | parameters (start) |
# |---|---|---|
# | `beta` | $\mathrm{Beta}(\alpha_q, \beta_q)$: contains the posterior | alpha_q ({{ beta_start }}), beta_q ({{ beta_start }}) |
# | `normal` | $N(m, s)$ on the whole line: no member equals the posterior, and part of its mass lies outside (0, 1) | mean ({{ mean_start }}), sd ({{ sd_start }}) |
# | `truncated_normal` | $N(m, s)$ truncated to (0, 1) | mean ({{ mean_start }}), sd ({{ sd_start }}) |
# | `AutoNormal` | a Normal for $\mathrm{logit}(f)$, made automatically | location (random), scale (0.1) |
# | `AutoLaplaceApproximation` | a Normal for $\mathrm{logit}(f)$ at the mode, from the curvature there | location (random) |
#
# All fits use Adam. Each loss is estimated from as many draws (particles) as stated.

# %% [markdown]
# ## Verdicts

# %%
page.figure("verdicts")
page.table("general.grid_verdicts")

# %% [markdown]
# The best setting of each guide has the largest share of adequate seeds, then of converged ones, then the
# smallest KL divergence, then the fewest particles. KL divergence, error of the mean and ratio of standard
# deviations are medians over the seeds.

# %%
page.table("general.best_settings")
page.figure("kl_by_step_size")

# %%
page.section("forecast")

# %% [markdown]
# ## A flat loss is not convergence
#
# The loss is flat at its minimum: an error of size $\epsilon$ in the parameters costs only of the order of
# $\epsilon^2$ nats, which soon drowns in the noise of the estimate. The loss can therefore look settled
# long before the parameters are.

# %%
page.figure("coin.tutorial_loss")

# %% [markdown]
# {{ one_particle }}
#
# {{ many_particles }}

# %%
page.figure("coin.particles")
page.table("general.single_fits")
page.figure("coin.traces")

# %% [markdown]
# {{ beta_settings_text }}

# %%
page.table("coin.beta_settings")

# %% [markdown]
# ## Signs: loss, ELBO, KL
#
# The tutorial's identities contain sign errors. With $P(z)$ the unnormalised posterior density, here
# $f^h (1 - f)^t$, and $Z$ its integral,
#
# $$\mathrm{ELBO}(q) = \mathbb{E}_q[\ln\, P(z) - \ln\, q(z)], \qquad \mathrm{loss} = -\mathrm{ELBO}(q),$$
#
# $$\mathrm{KL}(q \,\|\, p) = \mathbb{E}_q[\ln\, q(z) - \ln\, p(z)] = \ln\, Z - \mathrm{ELBO}(q) \;\ge\; 0.$$
#
# So maximising the ELBO minimises the KL divergence of $q$ from $p$, the ELBO never exceeds $\ln\, Z$, and
# where $Z$ is known the KL divergence can be read off the loss.
#
# {{ theory_link }}
#
# {{ signs_check }}

# %% [markdown]
# ## A guide with support outside (0, 1)
#
# The uniform prior has density 0 outside (0, 1), so that a draw of the guide `normal` from there makes the
# loss infinite. Strictly, the ELBO of this guide is $-\infty$ for all its parameters; a fit works only as
# long as no such draw comes up. Its ELBO and KL divergence below are taken over the draws inside (0, 1).

# %%
page.table("coin.outside_support")

# %% [markdown]
# {{ outside_support_text }}
#
# {{ normal_fit }}

# %% [markdown]
# ## Predictive checks
#
# (a) Draws from the fitted guide alone; (b) mock tosses from the model, the guide and the fitted parameters;
# (c) mock tosses from the model and the draws of (a). The results of (b) and (c) must agree.

# %%
page.figure("coin.predictive")
page.figure("coin.mock")
page.table("coin.mock_shares")

# %% [markdown]
# ## Losses of all settings

# %%
page.figure("loss")
page.other_figures()

# %% [markdown]
# What the tutorial says about particles, autoguides and surrogates in general, counted over these fits, is
# on [a separate page]({{ statements_page }}).

# %%
page.closing()
