# %% [markdown]
# # Two modes and a heavy tail
#
# The posterior has two equal modes and, along each of them, the tail of a Cauchy distribution. Which
# guides can represent it, and does a fit that cannot say so? This page repeats the experiment of a
# published tutorial on stochastic variational inference, called *the tutorial* below, and asks its
# questions again of {{ num_guides }} guides, {{ num_counts }} particle counts, {{ num_step_sizes }}
# step sizes and up to {{ num_seeds }} seeds.

# %% tags=["parameters"]
spec = "results/bimodal/specs/notebook/bimodal.json"

# %%
from svi_atlas.report.notebook_page import Page

page = Page(spec)

# %% [markdown]
# ## In short
#
# - {{ verdicts }}
# - {{ point_truncated }}
# - {{ point_tutorial }}
# - {{ point_suggested }}
# - {{ point_one_mode }}
# - The weight of `weighted_normal_mixture` gets no gradient that points anywhere: it wanders, and the
#   more so the larger the step size.
# - {{ point_verification }}
#
# ## The model and its exact posterior
#
# There are no data: the density itself is given. With $u_1 = (x + y) / \sqrt{2}$ across the modes and
# $u_2 = (x - y) / \sqrt{2}$ along them, $\sigma_1 = {{ sigma1 }}$, $\sigma_2 = {{ sigma2 }}$ and
# $b = {{ b }}$,
#
# $$\ln\, \tilde{p}(x, y) = \ln \left[ e^{-\frac{1}{2} ((u_1 - b) / \sigma_1)^2} + e^{-\frac{1}{2} ((u_1 + b) / \sigma_1)^2} \right] - \ln \left[ 1 + \tfrac{1}{2} (u_2 / \sigma_2)^2 \right].$$
#
# The model draws $x$ and $y$ from $\mathrm{Uniform}(-{{ half_box }}, {{ half_box }})$ and adds
# $\ln\, \tilde{p}$ as a `factor`, so its density is $\tilde{p} / {{ area }}$ inside the box and zero
# outside. Along the modes $u_2$ has a Cauchy distribution with scale
# $\sqrt{2}\, \sigma_2 = {{ cauchy_scale }}$, cut off at the box.

# %%
page.figure("bimodal.density")

# %% [markdown]
# By quadrature the log evidence is {{ log_evidence }}. No loss can stay, on average, below
# {{ floor }} nats. Two more numbers are known: the best equal mixture of two Normals
# (sig2_q = {{ best_sig2_q }}) has the loss {{ best_mixture }}, the best single Normal
# {{ best_normal }}, both for $x$ and $y$ themselves. The autoguides have their Normal in the logits of
# $x$ and $y$, where the best is {{ best_full_rank }} with a full covariance and {{ best_mean_field }}
# without.
#
# The first term of the formula has to be computed as a stable logarithm of a sum. Written as the plain
# logarithm of two exponentials it is the logarithm of zero far from the modes, and its gradient is
# undefined (model `naive` below).
#
# ## The guides
#
# | guide | family | parameters (start) |
# |---|---|---|
# | normal_mixture | $u_1$: equal mixture of $N(\pm b, s_1)$; $u_2 \sim N(0, s_2)$ | sig1_q ({{ scale_start }}), sig2_q ({{ scale_start }}), b ({{ scale_start }}), theta ({{ angle_start }}) |
# | weighted_normal_mixture | the same with a weight for the modes | the same and weight ({{ weight_start }}) |
# | cauchy_mixture | $u_2 \sim \mathrm{Cauchy}(0, s_2)$ | as `normal_mixture` |
# | cauchy_mixture_fixed_angle | the same, theta fixed at 45° | sig1_q ({{ scale_start }}), sig2_q ({{ scale_start }}), b ({{ scale_start }}) |
# | truncated_cauchy_mixture | the same, theta free, $u_2$ truncated to where $x$ and $y$ stay in the box | as `normal_mixture` |
# | AutoNormal and other Normals | one Normal for the logits of $x$ and $y$: one mode | made automatically |
# | AutoIAFNormal, AutoBNAFNormal | flows: a Normal sent through a neural network | made automatically |
#
# In the first five, $u_1$ and $u_2$ are auxiliary sites, drawn in the guide and unknown to the model,
# and $x = \cos\theta\, u_1 - \sin\theta\, u_2$, $y = \cos\theta\, u_2 + \sin\theta\, u_1$ are Delta
# sites. A rotation preserves areas, so the density of the auxiliary draws is that of $(x, y)$ and the
# ELBO is right. All fits use Adam.
#
# ## The tutorial's fit

# %%
page.figure("bimodal.tutorial_loss")
page.figure("bimodal.tutorial_draws")
page.table("bimodal.tutorial_values", digits=4)

# %% [markdown]
# {{ tutorial_verdict }}
#
# ## Why a Cauchy tail fails, and what helps
#
# The posterior has Cauchy tails, so why not give them to the guide? There are two reasons, and each
# alone makes the ELBO $-\infty$:
#
# 1. **The wrong direction.** If $\theta$ is off by $\delta$, a draw at distance $u_2$ along the guide's
#    tail lies $u_2 \sin\delta$ beside the ridge, where the log density is lower by
#    $\frac{1}{2} (u_2 \sin\delta / \sigma_1)^2$. A Cauchy variable has no finite mean square, so the
#    expected loss is infinite for every $\delta \ne 0$.
# 2. **The box.** Outside it the model's density is zero. The Cauchy puts mass there at any angle.

# %%
page.figure("bimodal.cauchy_tail")
page.figure("bimodal.cauchy_paths")

# %% [markdown]
# {{ cauchy_values }}

# %%
page.table("bimodal.cauchy_outcomes")

# %% [markdown]
# On the naive density the first draws already give an undefined gradient, and every parameter is lost.
# Clipping the gradient bounds the damage of a far draw and frees theta, but the loss stays infinite: it
# is not an ELBO that one could report.
#
# **What works** is to truncate the tail where the model ends. Given $\theta$ and $u_1$, the conditions
# $|x| < {{ half_box }}$ and $|y| < {{ half_box }}$ leave one interval for $u_2$; at 45° it is
# $|u_2| < {{ half_box }}\sqrt{2} - |u_1|$. The guide draws $u_2$ from the Cauchy distribution truncated
# to it. Far draws then stop at the edge of the box, so that the loss is finite at every angle, and at
# 45° the family contains the posterior almost exactly.

# %%
page.figure("bimodal.truncated_seeds")
page.table("bimodal.truncated_outcomes", digits=5)

# %% [markdown]
# {{ truncated_steps }}
#
# {{ truncated_nonfinite }}
#
# ## Missed modes
#
# A unimodal family covers one mode. Its loss is then only ln 2 = {{ ln_2 }} above that of the mixture,
# which nothing in the fit reveals if the evidence is unknown. The importance weights judge the tails
# around the mode that was found; the guide never draws where the other one would show. Here the modes
# are known, and for every fit the draws nearest to each mode are counted.

# %%
page.figure("bimodal.final_loss")
page.figure("bimodal.draws")
page.table("bimodal.missed_modes")

# %% [markdown]
# Minus the ELBO and k-hat are medians over the seeds, from fresh draws; for the two Cauchy guides that
# leave the box they are over the draws inside, and mean little. Compare with {{ floor_short }} (minus
# the log evidence), {{ best_mixture }} (best mixture) and {{ best_normal }} (best single Normal). A
# k-hat below {{ khat_limit }} is called good; it cannot show whether a mode is missed.
#
# ## A weight without a gradient
#
# NumPyro draws the component of a mixture as a category and then a value from it. A category does not
# move with the weight, so the pathwise gradient of `Trace_ELBO` sees the weight only through
# $\ln\, q$: what is left is the score $\partial \ln\, q(u_1) / \partial w$, whose mean is zero whatever
# $w$ is. Adam scales this pure noise up to full steps. The weight starts at its exact value, one half,
# and leaves it.

# %%
page.figure("bimodal.weight")
page.table("bimodal.weights")

# %% [markdown]
# {{ weight_spread }}
#
# ## What the tutorial says, over many seeds
#
# ### “More particles smooth the loss”

# %%
page.table("bimodal.loss_noise")

# %% [markdown]
# **Supported.** The noise of a single loss (median over the seeds, 10 % to 90 % range) falls at least
# like one over the square root of the number of particles; faster where the parameters, too, jump less
# and come to rest where the log weights hardly vary. For that reason the truncated guide is quieter
# than the Normal mixture at every particle count: the noise says as much about the guide as about the
# particles.
#
# ### “More particles may help convergence”

# %%
page.table("bimodal.particles_and_convergence")

# %% [markdown]
# **Supported, at a price.** At one step size more particles end nearer to the family's optimum, and more
# seeds come to rest, because the fluctuations about it are noise of the gradient. The time of a fit
# grows with them. A smaller step size gets as near for less, but then more steps are needed until the
# parameters are seen to rest, and particles do not make up for missing steps. (Medians with the 10 % to
# 90 % range. Seconds are of batched fits that share a machine: compare them with each other only.)
#
# ### “Autoguides are simpler and faster”

# %%
page.table("bimodal.guides_compared")

# %% [markdown]
# Each guide is at its best setting; minus the ELBO is the mean over the seeds with its standard error,
# for guides that leave the box over the draws inside. Times are of batched fits that share a machine;
# other work on it changes them by a factor of two.
#
# {{ autoguides }}
#
# ### “A surrogate that roughly matches gives useful summaries”

# %%
page.table("bimodal.summaries")

# %% [markdown]
# Medians over the seeds of each guide's best setting (10 % to 90 % range). **It depends on the
# summary.** The Normal mixture gives the means and the shares of the modes, understates the standard
# deviation, and has a fraction of the far tail. A single Normal gets even the mean wrong, by more than
# half a posterior standard deviation, in one direction or the other depending on the seed: it roughly
# matches one mode, which is not the posterior. An infinite mean square makes the summaries of the
# unbounded Cauchy guides meaningless.
#
# ## Verdicts

# %%
page.figure("verdicts")
page.table("general.grid_verdicts")

# %% [markdown]
# The best setting of each guide has the largest share of adequate seeds, then of converged ones, then
# the smallest KL divergence, then the fewest particles. KL divergence, error of the mean and ratio of
# standard deviations are medians over the seeds. A negative KL divergence is impossible: it belongs to
# a guide that leaves the box, and is over its draws inside.

# %%
page.table("general.best_settings")
page.table("general.single_fits")

# %%
page.figure("loss")
page.figure("kl_by_step_size")

# %% [markdown]
# Among the open circles are all fits of the guides that leave the box: their KL divergence is infinite,
# and their draws inside say nothing about it.

# %%
page.section("forecast")

# %%
page.other_figures()

# %% [markdown]
# What the tutorial says of particles, autoguides and surrogates in general, counted over these fits, is
# on [a page of its own](bimodal-statements.html).

# %%
page.closing()
