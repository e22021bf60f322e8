# %% [markdown]
# # A rotated Gaussian and its covariance
#
# A two-dimensional Gaussian is three times as long as it is wide and turned by 45 degrees. What do
# automatic guides recover of its covariance, and in which space? This page repeats the experiment of a
# published tutorial on stochastic variational inference, called *the tutorial* below, over
# {{ overview }}.

# %% tags=["parameters"]
spec = "results/rotated_gaussian/specs/notebook/rotated_gaussian.json"

# %%
from svi_atlas.report.notebook_page import Page

page = Page(spec)

# %% [markdown]
# ## In short
#
# - {{ verdicts }}
# - {{ two_questions }}
# - {{ full_rank }}
# - {{ tutorial }}
# - The covariance is $L L^\top$ with $L$ = `auto_scale_tril`, not its inverse, which the tutorial writes.
# - $L$ belongs to the unconstrained space. For a parameter $s > 0$ the guide describes $\ln\, s$, and
#   $L L^\top$ is not the covariance of $s$; how to convert it is shown [below](#a-positive-parameter).
# - {{ comparison }}

# %% [markdown]
# ## Model, data, exact posterior
#
# There are no data: the density itself is given. With $u$ along the long axis and $v$ across it,
#
# $$u = \frac{x + y}{\sqrt{2}}, \qquad v = \frac{y - x}{\sqrt{2}}, \qquad \ln\, P(x, y) = -\frac{v^2}{2 \sigma_1^2} - \frac{u^2}{2 \sigma_2^2}, \qquad \sigma_1 = 1, \; \sigma_2 = 3.$$
#
# The model `unconstrained` gives $x$ and $y$ flat, improper priors over the real line and adds
# $\ln\, P$ as a `factor`. So the posterior is a Gaussian with mean 0, covariance $\Sigma$ and
# evidence $Z$:
#
# $$\Sigma_{11} = \Sigma_{22} = 5, \quad \Sigma_{12} = 4, \qquad Z = \int P \, dx \, dy = 2 \pi \sigma_1 \sigma_2, \qquad \ln\, Z = \ln(6 \pi).$$
#
# The second model, `positive`, has the same shape on a smaller scale ($\sigma_1 = 0.2$,
# $\sigma_2 = 0.6$) for $x$ and $\ln\, s$ with $s > 0$: the variable that the reader wants, $s$, is not
# the one that is Gaussian.

# %%
page.table("rotated_gaussian.exact_shapes", digits=5)

# %% [markdown]
# ## The guides
#
# All are NumPyro's automatic guides; all work in the unconstrained space.
#
# | guide | family |
# |---|---|
# | `AutoMultivariateNormal` | a Gaussian with any covariance, $L L^\top$: contains the posterior |
# | `AutoLowRankMultivariateNormal` | a Gaussian with covariance $D + W W^\top$, here as rich as the first |
# | `AutoNormal`, `AutoDiagonalNormal` | Gaussians without correlation (mean field): no member equals the posterior |
# | `AutoLaplaceApproximation` | a Gaussian at the mode with the curvature there: exact for a Gaussian |
# | `AutoIAFNormal`, `AutoBNAFNormal` | a standard normal variable sent through a neural network (flows) |

# %% [markdown]
# ## Verdicts

# %%
page.figure("verdicts")
page.table("general.grid_verdicts")

# %% [markdown]
# The best setting of each guide has the largest share of adequate seeds, then of converged ones, then
# the smallest KL divergence, then the fewest particles. The KL divergence, the error of the mean and the
# ratio of standard deviations are medians over the seeds.

# %%
page.table("general.best_settings")
page.figure("kl_by_step_size")

# %%
page.section("forecast")

# %% [markdown]
# ## The covariance from auto_scale_tril
#
# With $L$ = `auto_scale_tril` the guide draws $\epsilon$ from a standard normal distribution and returns
# $z = m + L \epsilon$. So its covariance is
#
# $$\mathrm{Cov}(z) = \mathbb{E}[L \epsilon \epsilon^\top L^\top] = L L^\top.$$
#
# The tutorial's text has the inverse, $(L L^\top)^{-1}$, which is the precision. The numbers that it
# prints are those of $L L^\top$.

# %%
page.table("rotated_gaussian.tutorial_shape", digits=4)

# %% [markdown]
# {{ angle }}
#
# {{ inverse }}

# %%
page.figure("rotated_gaussian.draws")
page.table("rotated_gaussian.tutorial_verdict")

# %% [markdown]
# {{ tutorial_loss }}
#
# ### By guide and step size, over the seeds

# %%
page.figure("rotated_gaussian.shape")

# %% [markdown]
# The table shows the median over the seeds and the 10 % to 90 % range at the best setting of each guide
# (particles, step size).

# %%
page.table("rotated_gaussian.shape_by_guide")

# %% [markdown]
# ## Converged is not adequate
#
# The best Gaussian without correlation has the inverse of the *precision's* diagonal as variances, not
# the diagonal of the covariance:
#
# $$\frac{1}{(\Sigma^{-1})_{11}} = \frac{9}{5} = {{ mean_field_variance }}, \qquad \mathrm{KL} = \frac{1}{2} \ln \frac{\det\, \Sigma}{{{ mean_field_variance }}^2} = \ln \frac{5}{3} = {{ mean_field_kl }}.$$
#
# It cuts across the long axis, where most of the mass is, and no step size, particle count or number of
# steps moves it from there. {{ shared_setting }}

# %%
page.figure("rotated_gaussian.two_questions")

# %% [markdown]
# Means over the seeds with their standard errors, at the same setting:

# %%
page.table("rotated_gaussian.two_guides")

# %% [markdown]
# Nothing in the first four rows tells the two guides apart: the optimality gap, R-hat, the drift and the
# gain by averaging describe the optimiser, and the optimiser is done. The means do not help either, since
# both are right. What tells them apart is the comparison with the posterior, or, without one, k-hat: the
# importance weights of the narrow guide have a heavier tail.
#
# For each guide, this is the fit with the median KL divergence at this setting:

# %%
page.table("rotated_gaussian.typical_verdicts")

# %% [markdown]
# ## A positive parameter
#
# In the model `positive` the guide describes $(\ln\, s, x)$, in the order of the sites' names, and
# $C = L L^\top$ is the covariance of these two. With $m$ the guide's mean, $s$ is log-normal:
#
# $$\mathbb{E}[s] = e^{m_1 + C_{11} / 2}, \qquad \mathrm{Var}(s) = (e^{C_{11}} - 1) \, \mathbb{E}[s]^2, \qquad \mathrm{Cov}(x, s) = C_{12} \, \mathbb{E}[s].$$
#
# For $m = 0$ and $v = C_{11}$ the mean is $e^{v/2}$ and the variance $(e^v - 1) \, e^v$. For other
# transforms there is no such formula; then the covariance can be computed from draws, which always works.

# %%
page.figure("rotated_gaussian.constrained")
page.table("rotated_gaussian.positive_parameter", digits=5)

# %% [markdown]
# {{ naive_variance }}
#
# ## Losses of all settings

# %%
page.figure("loss")
page.other_figures()

# %% [markdown]
# What the tutorial says about particles, autoguides and surrogates in general is counted over these fits
# on [a page of its own](rotated_gaussian-statements.html).

# %%
page.closing()
