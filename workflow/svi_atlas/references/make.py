"""Which method makes the reference of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from svi_atlas.errors import InputError
from svi_atlas.inference.keys import purpose_key
from svi_atlas.inference.posterior import Posterior
from svi_atlas.records import MakeReference, Problem, Reference
from svi_atlas.references.nuts import REMEDY, sample_posterior
from svi_atlas.references.quadrature import integrate_posterior


def make_references(
    problem: Problem,
    data: dict[str, Any],
    settings: dict[str, Any],
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Reference]:
    """The reference of each model: the problem's own, else quadrature, else long NUTS.

    Parameters
    ----------
    problem : with the models.
    data : arrays by name, as the problem simulated them.
    settings : the experiment's `data`.
    report : receives lines of progress.

    Returns
    -------
    references : by name of the model. Models that share a function `reference` share its result.

    Raises
    ------
    InputError
        For a model without a reference of its own whose posterior cannot be computed, such as one
        with discrete latent sites.
    """
    made: dict[MakeReference, Reference] = {}
    references = {}
    for model in problem.models:
        make = problem.reference
        if isinstance(make, Mapping):
            make = make.get(model)
        if make is None:
            reference = _compute(problem, model, data, report)
        else:
            if make not in made:
                made[make] = make(data, settings)
            reference = made[make]
        references[model] = reference
        report(f"{model}: {reference.method}, log evidence {reference.log_evidence:.6f}")
    return references


def _compute(
    problem: Problem, model: str, data: dict[str, Any], report: Callable[[str], None]
) -> Reference:
    where = f"problem {problem.name!r}, model {model!r}"
    key = purpose_key(0, "reference", model)
    try:
        posterior = Posterior.from_model(problem.models[model], data, where)
    except InputError as error:
        raise InputError(f"{error} {REMEDY}") from error
    report(f"{model}: no exact reference is given; {posterior.dim} dimensions")
    reference = integrate_posterior(posterior, key, report)
    if isinstance(reference, Reference):
        return reference
    report(f"{model}: no quadrature: {reference}")
    return sample_posterior(posterior, key, report)
