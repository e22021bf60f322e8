"""Every statistic of the registry keeps the contract: shapes, missing values, no warnings, and errors.

A statistic that is added to the registry is tested here as it is.
"""

import copy
import subprocess
import sys
import warnings

import numpy as np
import pytest
from scipy import stats

from svi_atlas.diagnostics.inputs import FitInputs, IterateInputs
from svi_atlas.diagnostics.table import FIT_STATISTICS, ITERATE_STATISTICS, compute
from svi_atlas.results.columns import describe

STATISTICS = [
    *((statistic, "fit") for statistic in FIT_STATISTICS),
    *((statistic, "iterate") for statistic in ITERATE_STATISTICS),
]
IDS = [statistic.__name__ for statistic, _ in STATISTICS]

NUM_FITS = 40

EARLIER = {"bounds": ("elbo", "khat")}
"""Statistics whose columns another one needs."""

ERROR_POWER = {"khat_se": 0.25, "rhat_se": 1.0, "elbo_gap_se": 0.0}
"""Powers of the sample size by which errors fall, if not 1/2. The tail to which k-hat is fitted grows with
the root of the number of draws; at R-hat 1 the error has no term of first order; the optimality gap is
given with its error, and only divided."""

RELATIVE_ERRORS = {"ess_se": "ess", "seeds_rhat_loss_se": "seeds_rhat_loss"}
"""Errors of statistics that grow with the sample: what falls is the error over the statistic."""


def autoregression(rng, shape, coefficient=0.5):
    """Stationary AR(1) noise along axis 1."""
    values = rng.normal(size=shape)
    for step in range(1, shape[1]):
        values[:, step] += coefficient * values[:, step - 1]
    return values


def make_inputs(kind, scale=1):
    """Inputs of healthy fits; with `scale`, that many times as many losses, snapshots, draws and seeds."""
    rng = np.random.default_rng(0)
    num_fits, num_draws, num_losses = NUM_FITS * scale, 1000 * scale, 4000 * scale
    draws = rng.normal(0.2, 0.9, (num_fits, num_draws))
    log_weight = stats.norm.logpdf(draws) - stats.norm.logpdf(draws, 0.2, 0.9)
    if kind == "iterate":
        return vars(
            IterateInputs(
                log_weight=log_weight,
                log_evidence=0.0,
                total_gap=rng.chisquare(1, num_fits) / num_draws,
                total_gap_se=np.full(num_fits, 1e-3),
                gap_parameters=2,
                num_components=1,
                draws={"x": draws},
                reference_mean={"x": np.asarray(0.0)},
                reference_sd={"x": np.asarray(1.0)},
                reference_mean_se={},
                reference_sd_se={"x": np.asarray(1e-3 / np.sqrt(scale))},
                reference_draws={"x": rng.normal(size=50 * num_draws)},
                mode_centres={"x": np.array([-1.0, 1.0])},
                mode_masses=np.array([0.5, 0.5]),
            )
        )
    # The run is equally long whatever the scale, but more losses and snapshots of it are kept.
    seed_means = rng.permutation(stats.norm.ppf((np.arange(num_fits) + 0.5) / num_fits))[:, None]
    loss = 3.0 + seed_means + autoregression(rng, (num_fits, num_losses))
    snapshot_step = np.arange(32 // scale, 16_001, 32 // scale)
    snapshots = (seed_means + autoregression(rng, (num_fits, len(snapshot_step))))[..., None]
    return vars(
        FitInputs(
            setting=np.zeros(num_fits, int),
            step_size=np.full(num_fits, 0.01),
            loss=loss,
            negative_elbo=loss,
            min_loss=2.5,
            stride=4 // scale,
            snapshots=snapshots,
            snapshot_step=snapshot_step,
            log_weight_last=log_weight,
            log_weight_averaged=log_weight + 0.1 * rng.normal(size=log_weight.shape),
        )
    )


def evaluate(statistic, inputs):
    """Columns of one statistic; warnings are errors."""
    names = EARLIER.get(statistic.__name__, ())
    earlier = tuple(other for other, _ in STATISTICS if other.__name__ in names)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = compute(earlier, inputs)
        columns = compute((*earlier, statistic), inputs)
    return {name: values for name, values in columns.items() if name not in before}


def spoil(value, bad):
    """Inputs whose first fit has this entry in place of every third number, from the end."""
    if isinstance(value, dict):
        return {site: spoil(values, bad) for site, values in value.items()}
    spoilt = np.array(value, float)
    spoilt[0, ..., *[slice(None, None, -3)] * (spoilt.ndim > 1)] = bad
    return spoilt


SPOILABLE = {
    "fit": ("loss", "negative_elbo", "snapshots", "log_weight_last", "log_weight_averaged"),
    "iterate": ("log_weight", "draws", "total_gap", "total_gap_se"),
}
"""Inputs that a fit makes itself, and that a failed one makes of NaN."""


STILL_KNOWN = {
    "outside_support": "the share of such draws is 1",
    "window": "some window is always the best one",
    "missed_mass": "a draw that is not a number is near no mode",
    "missed_mode": "words",
}
"""Columns that are known of a fit without finite numbers, and why."""


@pytest.mark.parametrize(("statistic", "kind"), STATISTICS, ids=IDS)
class TestStatistic:
    def test_one_value_per_fit_and_every_column_is_described(self, statistic, kind):
        columns = evaluate(statistic, make_inputs(kind))
        assert columns
        for name, values in columns.items():
            assert isinstance(values, np.ndarray)
            assert values.shape == (NUM_FITS,)
            assert describe(name, "fits").meaning
            if not name.endswith("_se") and f"{name}_se" in columns:
                assert np.isfinite(columns[f"{name}_se"]).all()

    def test_inputs_are_not_changed(self, statistic, kind):
        inputs = make_inputs(kind)
        before = copy.deepcopy(inputs)
        evaluate(statistic, inputs)
        for name, value in before.items():
            np.testing.assert_equal(inputs[name], value)

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_a_fit_that_is_not_finite_spoils_no_other_and_raises_nothing(
        self, statistic, kind, bad
    ):
        inputs = make_inputs(kind)
        spoilt = {
            name: spoil(value, bad) if name in SPOILABLE[kind] else value
            for name, value in inputs.items()
        }
        healthy, columns = evaluate(statistic, inputs), evaluate(statistic, spoilt)
        for name, values in columns.items():
            assert values.shape == (NUM_FITS,)
            if not name.startswith("seeds_"):  # the seeds are compared with one another
                np.testing.assert_array_equal(values[1:], healthy[name][1:])

    def test_a_fit_that_is_all_nan_has_no_number(self, statistic, kind):
        inputs = make_inputs(kind)
        for name in SPOILABLE[kind]:
            value = inputs[name]
            if isinstance(value, dict):
                inputs[name] = {site: _first_fit_missing(array) for site, array in value.items()}
            else:
                inputs[name] = _first_fit_missing(value)
        for name, values in evaluate(statistic, inputs).items():
            if name in STILL_KNOWN:
                continue
            assert not np.isfinite(values[0].astype(float)), name

    def test_standard_errors_fall_with_the_size_of_the_sample(self, statistic, kind):
        small, large = (evaluate(statistic, make_inputs(kind, scale)) for scale in (1, 4))
        for name in small:
            if not name.endswith("_se"):
                continue
            error = [np.median(columns[name]) for columns in (small, large)]
            if error == [0, 0]:  # one component has no linear combinations
                continue
            if name in RELATIVE_ERRORS:
                sizes = [np.median(columns[RELATIVE_ERRORS[name]]) for columns in (small, large)]
                error = np.divide(error, sizes)
            power = np.log(error[0] / error[1]) / np.log(4)
            assert power == pytest.approx(ERROR_POWER.get(name, 0.5), abs=0.15), name


def _first_fit_missing(values):
    missing = np.array(values, float)
    missing[0] = np.nan
    return missing


def test_a_statistic_is_skipped_if_an_input_is_unknown():
    inputs = make_inputs("iterate") | {"mode_masses": None}
    assert "missed_mass" not in compute(ITERATE_STATISTICS, inputs)
    assert "mean_error" in compute(ITERATE_STATISTICS, inputs)


def test_a_statistic_that_asks_for_an_input_that_does_not_exist_says_which():
    def mistaken(loss, temperature):
        return {}

    with pytest.raises(TypeError, match="temperature"):
        compute((mistaken,), make_inputs("fit"))


def test_no_two_statistics_have_a_column_of_the_same_name():
    for statistics, kind in ((FIT_STATISTICS, "fit"), (ITERATE_STATISTICS, "iterate")):
        columns = compute(statistics, make_inputs(kind))
        alone = [evaluate(statistic, make_inputs(kind)) for statistic in statistics]
        assert len(columns) == sum(len(each) for each in alone)


def test_statistics_need_no_jax():
    program = "import sys, svi_atlas.diagnostics.table; sys.exit('jax' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
