"""Posteriors of posteriordb with its reference draws, read from a local copy of that database.

The models are those of the Stan programs of the same names, in the coordinates that are written here. The
database is a folder that the user has (`data.database`): none of its data is part of this project.

References
----------
Magnusson, Torgander, Buerkner, Zhang, Carpenter, Vehtari (2025), "posteriordb: Testing, benchmarking and
developing Bayesian inference algorithms", AISTATS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist

from svi_atlas.errors import InputError
from svi_atlas.problems.base import Problem, Reference

Arrays = dict[str, np.ndarray]

FLAT = dist.ImproperUniform(dist.constraints.real, (), ())
FLAT_POSITIVE = dist.ImproperUniform(dist.constraints.positive, (), ())


def _same(draws: Arrays, data: Arrays) -> Arrays:
    return draws


@dataclass(frozen=True)
class Posterior:
    """A posterior of the database.

    Attributes
    ----------
    name : in the database.
    model : called with the arrays of `prepare`.
    prepare : the database's data -> arrays that the model needs.
    to_sites : (draws of the database by parameter, arrays) -> draws by site of the model.
    """

    name: str
    model: Callable[[Mapping[str, Any]], None]
    prepare: Callable[[Mapping[str, Any]], Arrays]
    to_sites: Callable[[Arrays, Arrays], Arrays] = _same


def _regression(data):
    """Flat priors of the coefficients and of the residual sd."""
    size = data["predictors"].shape[1]
    beta = numpyro.sample("beta", dist.ImproperUniform(dist.constraints.real_vector, (), (size,)))
    sigma = numpyro.sample("sigma", FLAT_POSITIVE)
    numpyro.sample("y", dist.Normal(data["predictors"] @ beta, sigma), obs=data["y"])


def _earnings(outcome: Callable, *predictors: Callable) -> Callable[[Mapping[str, Any]], Arrays]:
    """The outcome and the predictors as functions of the columns of the data."""

    def prepare(values):
        columns = {name: np.asarray(values[name], float) for name in ("earn", "height", "male")}
        ones = np.ones_like(columns["earn"])
        matrix = [ones, *(predictor(columns) for predictor in predictors)]
        return {"y": outcome(columns), "predictors": np.stack(matrix, axis=1)}

    return prepare


def _log_earnings(columns):
    return np.log(columns["earn"])


def _height(columns):
    return columns["height"]


def _male(columns):
    return columns["male"]


def _z_height(columns):
    height = columns["height"]
    return (height - height.mean()) / height.std(ddof=1)


def _diamonds(data):
    size = data["predictors"].shape[1]
    b = numpyro.sample("b", dist.Normal(0, 1).expand([size]).to_event(1))
    intercept = numpyro.sample("Intercept", dist.StudentT(3, 8, 10))
    sigma = numpyro.sample("sigma", dist.FoldedDistribution(dist.StudentT(3, 0, 10)))
    numpyro.sample("y", dist.Normal(intercept + data["predictors"] @ b, sigma), obs=data["y"])


def _prepare_diamonds(values):
    predictors = np.asarray(values["X"], float)[:, 1:]
    return {"y": np.asarray(values["Y"], float), "predictors": predictors - predictors.mean(0)}


def _arma(data):
    mu = numpyro.sample("mu", dist.Normal(0, 10))
    phi = numpyro.sample("phi", dist.Normal(0, 2))
    theta = numpyro.sample("theta", dist.Normal(0, 2))
    sigma = numpyro.sample("sigma", dist.HalfCauchy(2.5))
    y = data["y"]

    def step(error, pair):
        earlier, now = pair
        error = now - (mu + phi * earlier + theta * error)
        return error, error

    first = y[0] - (mu + phi * mu)
    _, rest = jax.lax.scan(step, first, (y[:-1], y[1:]))
    errors = jnp.concatenate([first[None], rest])
    numpyro.factor("errors", dist.Normal(0, sigma).log_prob(errors).sum())


def _garch(data):
    """`share` is beta1 in units of its upper bound, 1 - alpha1."""
    mu = numpyro.sample("mu", FLAT)
    alpha0 = numpyro.sample("alpha0", FLAT_POSITIVE)
    alpha1 = numpyro.sample("alpha1", dist.Uniform(0, 1))
    share = numpyro.sample("share", dist.Uniform(0, 1))
    numpyro.factor("volume", jnp.log1p(-alpha1))  # beta1 has a flat density
    beta1 = share * (1 - alpha1)
    y = data["y"]

    def step(variance, earlier):
        variance = alpha0 + alpha1 * (earlier - mu) ** 2 + beta1 * variance
        return variance, variance

    first = data["sigma1"] ** 2
    _, rest = jax.lax.scan(step, first, y[:-1])
    variances = jnp.concatenate([first[None], rest])
    numpyro.sample("y", dist.Normal(mu, jnp.sqrt(variances)), obs=y)


def _garch_sites(draws: Arrays, data: Arrays) -> Arrays:
    sites = {name: draws[name] for name in ("mu", "alpha0", "alpha1")}
    return sites | {"share": draws["beta1"] / (1 - draws["alpha1"])}


def _covariance(x, alpha, rho):
    """Exponentiated quadratic covariance of a Gaussian process."""
    return alpha**2 * jnp.exp(-0.5 * ((x[:, None] - x[None]) / rho) ** 2)


def _gp_regression(data):
    rho = numpyro.sample("rho", dist.Gamma(25.0, 4.0))
    alpha = numpyro.sample("alpha", dist.HalfNormal(2.0))
    sigma = numpyro.sample("sigma", dist.HalfNormal(1.0))
    size = len(data["x"])
    covariance = _covariance(data["x"], alpha, rho) + sigma * jnp.eye(size)
    numpyro.sample("y", dist.MultivariateNormal(jnp.zeros(size), covariance), obs=data["y"])


JITTER = 1e-10
"""Added to the diagonal of the covariance matrix, as the Stan program does."""


def _gp_poisson(data):
    rho = numpyro.sample("rho", dist.Gamma(25.0, 4.0))
    alpha = numpyro.sample("alpha", dist.HalfNormal(2.0))
    size = len(data["x"])
    f_tilde = numpyro.sample("f_tilde", dist.Normal(0, 1).expand([size]).to_event(1))
    factor = jnp.linalg.cholesky(_covariance(data["x"], alpha, rho) + JITTER * jnp.eye(size))
    numpyro.sample("k", dist.Poisson(jnp.exp(factor @ f_tilde)), obs=data["k"])


def _gp_poisson_sites(draws: Arrays, data: Arrays) -> Arrays:
    squared = np.subtract.outer(data["x"], data["x"]) ** 2
    rho, alpha = draws["rho"][:, None, None], draws["alpha"][:, None, None]
    covariance = alpha**2 * np.exp(-0.5 * squared / rho**2) + JITTER * np.eye(len(data["x"]))
    f_tilde = np.linalg.solve(np.linalg.cholesky(covariance), draws["f"][..., None])[..., 0]
    return {"rho": draws["rho"], "alpha": draws["alpha"], "f_tilde": f_tilde}


def _hidden_markov(transition, log_likelihood):
    """Log likelihood of a chain whose first state has an improper weight of one, by the forward algorithm."""

    def step(log_forward, now):
        log_forward = jax.nn.logsumexp(log_forward[:, None] + jnp.log(transition), axis=0) + now
        return log_forward, None

    last, _ = jax.lax.scan(step, log_likelihood[0], log_likelihood[1:])
    return jax.nn.logsumexp(last)


def _ordered(name: str):
    return numpyro.sample(
        name, dist.ImproperUniform(dist.constraints.positive_ordered_vector, (), (2,))
    )


def _hmm(data):
    rows = [numpyro.sample(name, dist.Dirichlet(jnp.ones(2))) for name in ("theta1", "theta2")]
    mu = _ordered("mu")
    numpyro.factor("prior", dist.Normal(jnp.array([3.0, 10.0]), 1).log_prob(mu).sum())
    log_likelihood = dist.Normal(mu, 1).log_prob(data["y"][:, None])
    numpyro.factor("likelihood", _hidden_markov(jnp.stack(rows), log_likelihood))


def _hmm_drive(data):
    rows = [
        numpyro.sample(name, dist.Dirichlet(data["alpha"][state]))
        for state, name in enumerate(("theta1", "theta2"))
    ]
    phi, rate = _ordered("phi"), _ordered("lambda")
    for name, value in (("phi_prior", phi), ("lambda_prior", rate)):
        numpyro.factor(name, dist.Normal(jnp.array([0.0, 3.0]), 1).log_prob(value).sum())
    log_likelihood = dist.Exponential(phi).log_prob(data["u"][:, None])
    log_likelihood += dist.Exponential(rate).log_prob(data["v"][:, None])
    numpyro.factor("likelihood", _hidden_markov(jnp.stack(rows), log_likelihood))


def _eight_schools(data):
    """Non-centred: `theta_trans` are the effects in units of tau, from mu."""
    mu = numpyro.sample("mu", dist.Normal(0, 5))
    tau = numpyro.sample("tau", dist.HalfCauchy(5))
    size = len(data["y"])
    theta = mu + tau * numpyro.sample("theta_trans", dist.Normal(0, 1).expand([size]).to_event(1))
    numpyro.sample("y", dist.Normal(theta, data["sigma"]), obs=data["y"])


def _eight_schools_sites(draws: Arrays, data: Arrays) -> Arrays:
    mu, tau = draws["mu"], draws["tau"]
    effects = (draws["theta"] - mu[:, None]) / tau[:, None]
    return {"mu": mu, "tau": tau, "theta_trans": effects}


def _only(*names: str) -> Callable[[Mapping[str, Any]], Arrays]:
    return lambda values: {name: np.asarray(values[name], float) for name in names}


POSTERIORS = {
    "earn_height": Posterior(
        "earnings-earn_height", _regression, _earnings(lambda columns: columns["earn"], _height)
    ),
    "log10earn_height": Posterior(
        "earnings-log10earn_height",
        _regression,
        _earnings(lambda columns: np.log10(columns["earn"]), _height),
    ),
    "logearn_height": Posterior(
        "earnings-logearn_height", _regression, _earnings(_log_earnings, _height)
    ),
    "logearn_height_male": Posterior(
        "earnings-logearn_height_male", _regression, _earnings(_log_earnings, _height, _male)
    ),
    "logearn_interaction": Posterior(
        "earnings-logearn_interaction",
        _regression,
        _earnings(_log_earnings, _height, _male, lambda c: c["height"] * c["male"]),
    ),
    "logearn_interaction_z": Posterior(
        "earnings-logearn_interaction_z",
        _regression,
        _earnings(_log_earnings, _z_height, _male, lambda c: _z_height(c) * c["male"]),
    ),
    "logearn_logheight_male": Posterior(
        "earnings-logearn_logheight_male",
        _regression,
        _earnings(_log_earnings, lambda columns: np.log(columns["height"]), _male),
    ),
    "diamonds": Posterior("diamonds-diamonds", _diamonds, _prepare_diamonds),
    "arma11": Posterior("arma-arma11", _arma, _only("y")),
    "garch11": Posterior("garch-garch11", _garch, _only("y", "sigma1"), _garch_sites),
    "gp_regr": Posterior("gp_pois_regr-gp_regr", _gp_regression, _only("x", "y")),
    "gp_pois_regr": Posterior(
        "gp_pois_regr-gp_pois_regr", _gp_poisson, _only("x", "k"), _gp_poisson_sites
    ),
    "hmm_example": Posterior("hmm_example-hmm_example", _hmm, _only("y")),
    "hmm_drive_0": Posterior(
        "bball_drive_event_0-hmm_drive_0", _hmm_drive, _only("u", "v", "alpha")
    ),
    "eight_schools_noncentered": Posterior(
        "eight_schools-eight_schools_noncentered",
        _eight_schools,
        _only("y", "sigma"),
        _eight_schools_sites,
    ),
}


def _open(settings: Mapping[str, Any]):
    try:
        from posteriordb import PosteriorDatabase
    except ImportError as error:
        raise InputError(
            "problem 'posteriordb': the package posteriordb is not installed; "
            "`pip install posteriordb` installs it"
        ) from error
    folder = Path(settings["database"])
    if not (folder / "posteriors").is_dir():
        raise InputError(
            f"problem 'posteriordb': key 'data.database': {folder} is not a posteriordb; it has no folder "
            "`posteriors`. Clone github.com/stan-dev/posteriordb and name its folder posterior_database, "
            "such as with `--config 'override={data: {verdict_study_posteriordb: {database: FOLDER}}}'`"
        )
    return PosteriorDatabase(str(folder))


def simulate(key, settings):
    """The arrays of all posteriors, each under the name of its model."""
    database = _open(settings)
    return {
        f"{model}.{name}": array
        for model, posterior in POSTERIORS.items()
        for name, array in posterior.prepare(
            database.posterior(posterior.name).data.values()
        ).items()
    }


def _own(data: Mapping[str, Any], model: str) -> dict[str, Any]:
    start = f"{model}."
    return {
        name.removeprefix(start): value for name, value in data.items() if name.startswith(start)
    }


def _model(name: str) -> Callable:
    def model(data):
        return POSTERIORS[name].model(_own(data, name))

    return model


def _reference(name: str) -> Callable:
    posterior = POSTERIORS[name]

    def reference(data, settings):
        chains = _open(settings).posterior(posterior.name).reference_draws()
        columns = {
            column: np.concatenate([chain[column] for chain in chains]) for column in chains[0]
        }
        own = _own(data, name)
        draws = posterior.to_sites(gather_columns(columns), own)
        count = len(next(iter(draws.values())))
        sd = {site: values.std(0, ddof=1) for site, values in draws.items()}
        centred = {site: values - values.mean(0) for site, values in draws.items()}
        kurtosis = {site: (values**4).mean(0) / sd[site] ** 4 for site, values in centred.items()}
        return Reference(
            draws=draws,
            mean={site: values.mean(0) for site, values in draws.items()},
            sd=sd,
            log_evidence=float("nan"),
            method=f"reference draws of posteriordb, {posterior.name}",
            mean_se={site: value / np.sqrt(count) for site, value in sd.items()},
            sd_se={
                site: value * np.sqrt(np.maximum(kurtosis[site] - 1, 0) / (4 * count))
                for site, value in sd.items()
            },
        )

    return reference


def gather_columns(columns: Mapping[str, np.ndarray]) -> Arrays:
    """Columns `name` and `name[1]`, `name[2]`, ... as arrays (draw,) and (draw, component)."""
    vectors: dict[str, dict[int, np.ndarray]] = {}
    scalars: Arrays = {}
    for column, values in columns.items():
        name, bracket, index = column.partition("[")
        if bracket:
            vectors.setdefault(name, {})[int(index.rstrip("]"))] = np.asarray(values, float)
        else:
            scalars[name] = np.asarray(values, float)
    return scalars | {
        name: np.stack([parts[index] for index in sorted(parts)], axis=-1)
        for name, parts in vectors.items()
    }


PROBLEM = Problem(
    name="posteriordb",
    source="posteriordb (Magnusson et al. 2025), read from a local copy",
    simulate=simulate,
    models={name: _model(name) for name in POSTERIORS},
    guides={},
    reference={name: _reference(name) for name in POSTERIORS},
    data_schema={
        "type": "object",
        "properties": {
            "database": {
                "type": "string",
                "description": "Folder `posterior_database` of a copy of posteriordb.",
            }
        },
        "required": ["database"],
        "additionalProperties": False,
    },
)
