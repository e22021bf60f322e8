"""Posteriors kept aside for choices made on the verdict study, listed in `config/studies/holdout.csv`."""

import numpy as np
import numpyro.distributions as dist
from scipy import stats

from svi_atlas.problems.densities import (
    autoregressive,
    bananas,
    dirichlet,
    equicorrelated,
    funnel,
    independent,
    joint_student,
    log_gamma,
    normal,
    problem_of,
    skew_normal,
    student,
    two_normals,
)

TARGETS = {
    "correlated_40": normal(autoregressive(40, 0.6)),
    "equicorrelated_8": normal(equicorrelated(8, 0.8)),
    "bananas_4": bananas(2, 0.35),
    "funnel_4": funnel(3, 0.5),
    "student_5_4": student(4, 5.0),
    "joint_student_12_8": joint_student(8, 12.0),
    "logistic_8": independent(
        dist.Logistic(0.0, 1.0), 8, lambda rng, shape: rng.logistic(size=shape)
    ),
    "laplace_3": independent(dist.Laplace(0.0, 1.0), 3, lambda rng, shape: rng.laplace(size=shape)),
    "gumbel_6": independent(dist.Gumbel(0.0, 1.0), 6, lambda rng, shape: rng.gumbel(size=shape)),
    "log_gamma_3_6": log_gamma(6, 3.0),
    "skew_normal_2_4": skew_normal(4, 2.0),
    "log_normal_5": independent(
        dist.LogNormal(0.0, 0.4), 5, lambda rng, shape: rng.lognormal(0.0, 0.4, shape)
    ),
    "inverse_gamma_3": independent(
        dist.InverseGamma(6.0, 5.0), 3, lambda rng, shape: 5.0 / rng.gamma(6.0, size=shape)
    ),
    "gamma_15": independent(
        dist.Gamma(8.0, 2.0), 15, lambda rng, shape: rng.gamma(8.0, 0.5, size=shape)
    ),
    "weibull_4": independent(dist.Weibull(1.0, 2.0), 4, lambda rng, shape: rng.weibull(2.0, shape)),
    "truncated_normal_6": independent(
        dist.TruncatedNormal(0.5, 1.0, low=0.0),
        6,
        lambda rng, shape: stats.truncnorm(-0.5, np.inf, 0.5).rvs(shape, random_state=rng),
    ),
    "beta_8": independent(dist.Beta(8.0, 3.0), 8, lambda rng, shape: rng.beta(8.0, 3.0, shape)),
    "uniform_2": independent(dist.Uniform(0.0, 1.0), 2, lambda rng, shape: rng.random(shape)),
    "dirichlet_12": dirichlet(np.full(12, 3.0)),
    "uneven_modes_5": two_normals(5, 2.5, 0.8),
}

PROBLEM = problem_of(
    "verdict_holdout",
    "Normals, a banana, a funnel, heavy tails, skewed and bounded densities, and two modes",
    TARGETS,
)
