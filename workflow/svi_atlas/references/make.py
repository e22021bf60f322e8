"""Which method makes the reference of a model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from svi_atlas.errors import InputError
from svi_atlas.inference.keys import purpose_key
from svi_atlas.inference.posterior import Posterior
from svi_atlas.records import MakeReference, Problem, Reference
from svi_atlas.references.flat import improper, periodic_sites
from svi_atlas.references.nuts import REMEDY, sample_posterior
from svi_atlas.references.quadrature import integrate_posterior
from svi_atlas.references.tails import without_moments


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
    references : by name of the model. Models that share a function `reference` share its result. A model
        whose reference cannot be made, or does not match it, has one that is marked unreliable and says
        why; the others go on.
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
                made[make] = _call(make, data, settings)
            reference = _match(made[make], problem.models[model], data, model)
        references[model] = reference
        report(f"{model}: {reference.method}, log evidence {reference.log_evidence:.6f}")
        if reference.unreliable:
            report(f"{model}: no fit is compared with it: {reference.unreliable}")
    return references


def _call(make: MakeReference, data: dict[str, Any], settings: dict[str, Any]) -> Reference:
    """What the problem's own function returns; if it raises, no reference, with the error as the reason."""
    try:
        return make(data, settings)
    except Exception as error:
        return _none(f"the problem's function `reference` raised {type(error).__name__}: {error}")


def _match(reference: Reference, model: Callable, data: dict[str, Any], name: str) -> Reference:
    """The reference, marked unreliable if it is not one of the model's latent sites."""
    if reference.unreliable:
        return reference
    try:
        posterior = Posterior.from_model(model, data, name)
    except InputError:  # such as discrete sites: only the problem knows them
        return reference
    faults = mismatches(reference, posterior.shapes, posterior.deterministic)
    if not faults:
        return reference

    def keep(values: Mapping[str, Any]) -> dict[str, Any]:
        return {site: array for site, array in values.items() if site not in faults}

    return replace(
        reference,
        draws=keep(reference.draws),
        mean=keep(reference.mean),
        sd=keep(reference.sd),
        mean_se=keep(reference.mean_se),
        sd_se=keep(reference.sd_se),
        unreliable="; ".join(faults.values()),
    )


def mismatches(
    reference: Reference, shapes: Mapping[str, tuple[int, ...]], optional: Collection[str] = ()
) -> dict[str, str]:
    """What keeps a reference from being the posterior of a model, in words, by site.

    Parameters
    ----------
    reference : as the problem's function returned it.
    shapes : of the model's sites.
    optional : those that it need not have: deterministic ones.
    """
    parts = {"mean": reference.mean, "sd": reference.sd, "draws": reference.draws}
    sites = dict.fromkeys([*shapes, *chain.from_iterable(parts.values())])
    faults = {}
    for site in sites:
        absent = [part for part, values in parts.items() if site not in values]
        if site not in shapes:
            known = ", ".join(shapes)
            faults[site] = f"it has a site {site!r}, which is none of the model's ({known})"
        elif absent and not (site in optional and len(absent) == len(parts)):
            faults[site] = f"it has no {' and no '.join(absent)} of the site {site!r}"
        elif not absent:
            arrays = {part: np.asarray(values[site], float) for part, values in parts.items()}
            if fault := _fault_of_arrays(arrays, shapes[site]):
                faults[site] = f"{fault} of the site {site!r}"
    return faults


def _fault_of_arrays(arrays: Mapping[str, np.ndarray], shape: tuple[int, ...]) -> str:
    for part, array in arrays.items():
        own = array.shape[1:] if part == "draws" else array.shape
        if own != shape:
            return f"the shape of {part} is {own} and not {shape}, that"
        if not np.isfinite(array).all():
            return f"there are values that are not finite in {part}"
    if (arrays["sd"] < 0).any():
        return "there is a negative sd"
    constant = np.ptp(arrays["draws"], axis=0) == 0
    return (
        "there is an sd of zero for draws that vary" if (arrays["sd"] == 0)[~constant].any() else ""
    )


def _none(why: str) -> Reference:
    """No reference at all."""
    return Reference(
        draws={}, mean={}, sd={}, log_evidence=float("nan"), method="none", unreliable=why
    )


def _compute(
    problem: Problem, model: str, data: dict[str, Any], report: Callable[[str], None]
) -> Reference:
    where = f"problem {problem.name!r}, model {model!r}"
    key = purpose_key(0, "reference", model)
    try:
        posterior = Posterior.from_model(problem.models[model], data, where)
        report(f"{model}: no exact reference is given; {posterior.dim} dimensions")
        if why := improper(posterior, key):
            return replace(_none(f"it is improper: {why}"), improper=why)
        periodic = periodic_sites(posterior, key)
        if not posterior.without(periodic).shapes:
            why = f"its density is periodic in {', '.join(periodic)}"
            return replace(_none(f"it is improper: {why}"), improper=why)
        reference = (
            f"its density is periodic in {', '.join(periodic)}"
            if periodic
            else integrate_posterior(posterior, key, report)
        )
        if isinstance(reference, str):
            report(f"{model}: no quadrature: {reference}")
            reference = sample_posterior(posterior.without(periodic), key, report)
    except InputError as error:
        return _none(f"{error} {REMEDY}")
    return replace(_leave_out_moments(reference), periodic=periodic)


def _leave_out_moments(reference: Reference) -> Reference:
    """The reference with infinite standard deviations, and no means, of components that have no variance."""
    lacking, words = without_moments(reference.draws)

    def replaced(values: Mapping[str, np.ndarray], by: float = np.nan) -> dict[str, np.ndarray]:
        return {
            site: np.where(lacking[site], by, array) if site in lacking else array
            for site, array in values.items()
        }

    return replace(
        reference,
        mean=replaced(reference.mean),
        sd=replaced(reference.sd, np.inf),
        mean_se=replaced(reference.mean_se),
        sd_se=replaced(reference.sd_se),
        without_moments=words,
    )
