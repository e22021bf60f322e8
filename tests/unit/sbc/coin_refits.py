"""Refits of the coin's beta guide to simulated data sets."""

from line_model import keys

from svi_atlas import problems
from svi_atlas.inference.fit import fit_data_sets
from svi_atlas.inference.guides import guide_factory
from svi_atlas.sbc.ranks import rank_statistics
from svi_atlas.sbc.simulate import prior_predictive

SIMULATIONS, DRAWS = 300, 500


def refit_coin():
    """True fairness, heads and the converged beta guide of simulated data sets of 20 tosses."""
    problem = problems.load("coin")
    model, make_guide = problem.models["headstails"], guide_factory(problem, "headstails", "beta")
    data = problem.simulate(None, {"heads": 12, "tails": 8})
    truth, data_sets = prior_predictive(model, data, keys(SIMULATIONS))
    fitted = fit_data_sets(
        model, make_guide, data, data_sets,
        num_particles=4, step_size=0.01, seeds=tuple(range(SIMULATIONS)), num_steps=1000,
    )  # fmt: skip
    ranks = rank_statistics(
        model, make_guide, data, data_sets, truth, fitted, keys(SIMULATIONS, "draws"), DRAWS
    )
    return truth["latent_fairness"], data_sets["obs"].sum(1), fitted, ranks["latent_fairness"]
