"""The synthetic posteriors of the verdict study, listed in `config/studies/posteriors.csv`."""

import numpy as np
import numpyro.distributions as dist

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
    shallow_modes,
    skew_normal,
    student,
    two_normals,
)

TARGETS = {
    "isotropic_50": normal(np.eye(50)),
    "correlated_2": normal(equicorrelated(2, 0.9)),
    "scales_5": normal(equicorrelated(5, 0.5, np.array([0.01, 0.1, 1.0, 10.0, 100.0]))),
    "correlated_10": normal(autoregressive(10, 0.7)),
    "weakly_correlated_30": normal(equicorrelated(30, 0.15)),
    "correlated_100": normal(autoregressive(100, 0.3)),
    "weakly_identified_2": normal(equicorrelated(2, 0.9995)),
    "banana_2": bananas(1, 0.5),
    "bananas_10": bananas(5, 0.2),
    "funnel_2": funnel(1, 1.0),
    "funnel_10": funnel(9, 3.0),
    "student_3_2": student(2, 3.0),
    "student_6_1": student(1, 6.0),
    "joint_student_5_5": joint_student(5, 5.0),
    "student_10_20": student(20, 10.0),
    "log_gamma_1_3": log_gamma(3, 1.0),
    "log_gamma_4_1": log_gamma(1, 4.0),
    "log_gamma_10_10": log_gamma(10, 10.0),
    "skew_normal_4_2": skew_normal(2, 4.0),
    "skew_normal_1_10": skew_normal(10, 1.0),
    "beta_3": independent(dist.Beta(2.0, 5.0), 3, lambda rng, shape: rng.beta(2.0, 5.0, shape)),
    "gamma_5": independent(dist.Gamma(3.0, 1.0), 5, lambda rng, shape: rng.gamma(3.0, size=shape)),
    "exponential_10": independent(
        dist.Exponential(1.0), 10, lambda rng, shape: rng.exponential(size=shape)
    ),
    "half_normal_20": independent(
        dist.HalfNormal(1.0), 20, lambda rng, shape: np.abs(rng.standard_normal(shape))
    ),
    "dirichlet_5": dirichlet(np.array([1.0, 2.0, 3.0, 4.0, 5.0])),
    "label_switching_2": two_normals(2, 3.0, 0.5),
    "label_switching_10": two_normals(10, 3.0, 0.5),
    "uneven_modes_3": two_normals(3, 4.0, 0.7),
    "shallow_modes_10": shallow_modes(10, 1.8),
}


PROBLEM = problem_of(
    "verdict_study",
    "Normals, bananas, funnels, heavy tails, skewed and bounded densities, and several modes",
    TARGETS,
)
