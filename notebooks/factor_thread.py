# %% [markdown]
# # What factor means inside a guide
#
# A model may add any term to its log density with `numpyro.factor`. May a guide? A forum thread asks, and
# a published tutorial answers by experiment: two ways to write the same model, two to write the same guide,
# four pairings. Together they are called *the forum thread* below. This page repeats the pairings, says
# what the numbers mean, and repeats them again over {{ overview }}.

# %% tags=["parameters"]
spec = "results/factor_thread/specs/notebook/factor_thread.json"

# %%
from svi_atlas.report.notebook_page import Page

page = Page(spec)

# %% [markdown]
# ## In short
#
# - {{ verdicts }}
# - **No.** A factor in a guide changes the number that is called the loss, and nothing that the guide
#   draws. The two no longer belong to one density $q$, so the loss is no bound on anything.
# - {{ factor_guides }}
# - {{ sample_guide }}
# - The {{ printed }} that the forum thread prints for the factor guide are a point on a fall without end,
#   and nearly equal because the guide never looks at the target's two scales.
# - Two other ways to write such a guide fail at once: deterministic sites, and an improper flat prior.
# - The way to build a guide of one's own is by auxiliary sites and Delta sites, as in the
#   [experiment bimodal](bimodal.html).
# - {{ comparison }}

# %% [markdown]
# ## Model, guides, exact answers
#
# The target is two independent Gaussians with $\sigma_1 = {{ sig1 }}$ and $\sigma_2 = {{ sig2 }}$; there are
# no data.
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
# Both models have the same posterior, apart from the box, whose edge is five standard deviations away. The
# `sample` model is normalised: its log evidence is 0. The `factor` model carries the Uniform density
# $1/400$ and lacks the $1 / (2 \pi)$ of the Gaussians: $\ln Z = \ln\, 2\pi - \ln\, 400$.
#
# No loss that is minus an ELBO can stay, on average, below {{ floor_factor }} nats on the `factor` model and
# below {{ floor_sample }} on the `sample` model. The `sample` guide reaches both at sig1_q = {{ sig1 }},
# sig2_q = {{ sig2 }}.
#
# ## The forum thread's four pairings

# %%
page.figure("factor_thread.pairings")
page.table("factor_thread.pairings", digits=4)

# %% [markdown]
# {{ fall }}
#
# ## Why a factor guide is no guide
#
# The loss is made from draws and from a density:
#
# $$\mathrm{loss} = \mathbb{E}_{z \sim q}[\ln\, q(z) - \ln\, P(z)] = -\ln Z + \mathrm{KL}(q \,\|\, p) \;\ge\; -\ln Z.$$
#
# The inequality needs one thing: that $z$ is drawn from the very $q$ that stands in the logarithm, and that
# this $q$ is a density. A NumPyro guide is a program. What it draws comes from its sample sites alone. A
# `factor` draws nothing; it only adds its term to the sum that `Trace_ELBO` takes for $\ln\, q$. So with the
# factor $f_s(z)$ and the Uniform $u$ the number reported is
#
# $$\mathbb{E}_{z \sim u}[\ln\, u(z) + f_s(z) - \ln\, P(z)].$$
#
# The draws ignore the parameters, and $u(z)\, e^{f_s(z)}$ does not integrate to one. For this to be a guide,
# somebody would have to normalise it and to draw from it; NumPyro does neither. In a *model* a factor is
# harmless, because a model is never drawn from and needs no normalisation: its density is the unnormalised
# $P$.
#
# It is then easy to see what the optimiser finds. Under the Uniform on $(-a, a)$ the mean of $x^2$ is
# $a^2 / 3$, so the loss depends on $s_1$ and $s_2$ through
#
# $$\mathbb{E}_u[f_s] = -\frac{a^2}{6} \left( \frac{1}{s_1^2} + \frac{1}{s_2^2} \right) - \ln(s_1 s_2).$$
#
# It has one stationary point, $s_1 = s_2 = a / \sqrt{3} = {{ stationary_scale }}$, and that is a maximum. From
# any start below it, such as {{ start }}, the loss falls to $-\infty$ as $s_1, s_2 \to 0$; from above, to
# $-\infty$ as they grow. The target's $\sigma_1$ and $\sigma_2$ do not occur: they only add a constant, and
# both scales fall alike.

# %%
page.figure("factor_thread.scan")

# %% [markdown]
# The table takes all particle counts together and shows medians (10 % to 90 % range). “Proved”: more than
# {{ limit }} standard errors below minus the log evidence.

# %%
page.table("factor_thread.falls")

# %% [markdown]
# At the smallest step size the fall has only begun: a single noisy loss does not yet prove anything, and the
# verdict rests on the factor site in the guide. At the two largest the fall stops near {{ halt }}, which is
# no minimum: the square of the gradient exceeds {{ largest }}, the largest number in single precision, and
# Adam, which divides by its root, comes to a halt.

# %%
page.figure("factor_thread.draws")

# %% [markdown]
# ## Two guides that fail at once
#
# The forum thread tries two more ways. Both are fitted here and recorded with the error that they raise.

# %%
page.table("factor_thread.refused_guides")

# %% [markdown]
# ## The resolution
#
# Where the family has a name, write it with `sample`, as the `sample` guide does. Where it has none, draw
# what can be drawn as *auxiliary* sites (`infer={"is_auxiliary": True}`), compute the model's sites from them,
# and declare those as `Delta` sites. Then everything is drawn, and the density of the auxiliary draws is that
# of the result as long as the map preserves volumes; if it does not, the Delta's `log_density` must carry
# minus the log of the Jacobian determinant. The [experiment bimodal](bimodal.html) is built that way, with a
# rotation, which preserves areas.

# %%
page.figure("factor_thread.resolution")

# %% [markdown]
# ## What the forum thread says, over many seeds
#
# ### “More particles smooth the loss”

# %%
page.table("factor_thread.loss_noise")

# %% [markdown]
# **Supported, and no sign of quality.** The factor guide's loss, too, is smoother with more particles, and
# falls faster for it. With the sample guide the noise comes from the parameters: at the exact ones
# $\ln\, q - \ln\, P$ is constant, and even one particle gives a loss without noise.
#
# ### “More particles may help convergence”

# %%
page.table("factor_thread.convergence")

# %% [markdown]
# **Supported where the step size is large**: there the iterates fluctuate about the optimum by an amount that the
# noise of the gradient sets, and more particles make it smaller. Where the step size is too small to arrive,
# no number of particles helps; at 0.001 the fits come nearest, but have not rested long enough when their
# steps are used up. (The sample guide on the factor model; means with standard errors, medians with the 10 %
# to 90 % range.) And no number of particles makes a factor guide converge.
#
# ### “Autoguides are simpler and faster”

# %%
page.table("factor_thread.autoguides")

# %% [markdown]
# **Simpler, and about as near to the posterior; not faster.** All fits are on the sample model with 8
# particles. The autoguides contain the posterior too. They have more to learn, means as well as scales, and
# start from narrower draws: at a small step size they are farther behind, and fewer of their seeds are at
# rest. But they cannot be written wrongly. The times, of batched fits that share a machine, are of the same
# order of magnitude.
#
# ### “A surrogate that roughly matches gives useful summaries”

# %%
page.table("factor_thread.summaries")

# %% [markdown]
# **Only if it is a surrogate.** The parameters of a factor guide describe none of its draws, so no summary can
# be taken from either. Its KL divergence is that of the Uniform from the posterior, the same at the start and
# at the end. The sample guide's summaries are as good as its parameters.
#
# ## Verdicts

# %%
page.figure("verdicts")
page.table("general.grid_verdicts")

# %% [markdown]
# The best setting of each guide has the largest share of adequate seeds, then of converged ones, then the
# smallest KL divergence, then the fewest particles. The KL divergence, the error of the mean and the ratio of
# standard deviations are medians over the seeds.

# %%
page.table("general.best_settings")
page.table("general.single_fits")

# %% [markdown]
# The KL divergence of the factor guides in the next figure is that of their draws, which never change.

# %%
page.figure("kl_by_step_size")
page.section("forecast")

# %%
page.figure("loss")
page.other_figures()

# %% [markdown]
# What the forum thread says about particles, autoguides and surrogates in general is counted over these fits
# on [a page of its own](factor_thread-statements.html).

# %%
page.closing()
