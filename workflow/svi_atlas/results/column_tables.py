"""The data dictionary: every column and variable that a run writes, table by table.

Longer than other modules because it is a list; the functions that read it are in `columns.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Column:
    """A column of a table or a variable of a dataset.

    Attributes
    ----------
    name
        Its name; `<...>` stands for any text, as in `param.<name>`.
    unit
        "nats", "nats per parameter", "posterior sd", "s", "1" for numbers without a unit, "" for text,
        "own" for quantities of the model or its data, whose unit the problem knows.
    meaning
        One sentence without full stop.
    source
        The paper or the module that defines it.
    stage
        The stage of the workflow that writes it.
    has_error
        Whether there is a column `<name>_se` with its Monte Carlo standard error.
    per_iterate
        Whether it is about the averaged iterate, and there is a column `<name>_last` with its value at the last.
    optional
        Whether it may be absent.
    """

    name: str
    unit: str
    meaning: str
    source: str = ""
    stage: str = ""
    has_error: bool = False
    per_iterate: bool = False
    optional: bool = False


def _written(stage: str, source: str, *columns: Column) -> tuple[Column, ...]:
    return tuple(replace(column, stage=stage, source=source) for column in columns)


_CELL_SETTINGS = _written(
    "fit",
    "config/experiments/<experiment>.yaml",
    Column("experiment", "", "Name of the experiment"),
    Column("model", "", "Model of the problem"),
    Column("guide", "", "Guide of the problem, or the name of an autoguide"),
    Column("block", "", '"grid" or "search" for their fits, "single" for single fits'),
    Column("label", "", '"particles-<P>" in the grid, "search", or the name of the single fit'),
    Column("num_particles", "1", "Draws from the guide per estimate of the gradient"),
    Column("num_draws", "1", "Draws from the fitted guide"),
    Column("optimizer", "", "Optimiser, one of NumPyro's or optax's"),
)


def _certainty(name: str, unit: str, what: str) -> tuple[Column, Column]:
    """Columns of what is certain of the largest error, and of its noise."""
    return (
        Column(
            f"{name}_low",
            unit,
            f"Largest {what} that is certain, given its noise and the number of components",
            per_iterate=True,
            optional=True,
        ),
        Column(
            f"{name}_noise",
            unit,
            f"How large the largest {what} may be by noise alone",
            per_iterate=True,
            optional=True,
        ),
    )


FITS = (
    *_CELL_SETTINGS,
    *_written(
        "fit",
        "config/experiments/<experiment>.yaml",
        Column("schedule", "", "How the step size varies along the fit"),
        Column("step_size", "1", "Step size of the optimiser, the peak of the schedule"),
        Column("seed", "1", "Seed of the fit"),
    ),
    *_written(
        "fit",
        "svi_atlas.inference",
        Column("whitened", "1", "Whether the guide was fitted in whitened coordinates"),
        Column("start", "", "How the fit started, and why not as it was asked to"),
        Column("num_steps", "1", "Steps that the fit used"),
        Column("stopped", "", '"all steps", "arrived", "limit of steps" or "undecided"'),
        Column(
            "gradient_evaluations",
            "1",
            "Particles times steps, and the draws from which it was judged whether the fit had arrived",
        ),
        Column("message", "", "Error that the model or the guide raised, missing if none"),
        Column("guide_factors", "", "Factor sites of the guide, whose loss is no negative ELBO"),
        Column("guide_check", "", "Findings of the checks of the guide before the fit"),
        Column("nonfinite", "1", "Share of the losses that are not finite"),
        Column("first_nonfinite", "step", "First step, from 1, whose loss is not finite"),
        Column("loss_first", "nats", "Loss of the first step (or mean of the first stored losses)"),
        Column("finite_parameters", "1", "1 if all parameters are finite at the end, else 0"),
        Column("num_components", "1", "Scalar components of the latent sites"),
        Column("num_parameters", "1", "Scalar parameters of the guide"),
        Column(
            "fitted_as_point",
            "1",
            "1 if only a point is fitted, as for the Laplace approximation, so that there is no ELBO to gain",
        ),
        Column("is_point", "1", "1 if all draws of the guide are the same, else 0"),
        Column(
            "gap_parameters",
            "1",
            "Parameters that elbo_gap is shared among: those of the guide, or for a flow those of an "
            "affine change of its base",
        ),
        Column("seconds", "s", "Time inside the compiled fits of the cell over their number"),
    ),
    *_written(
        "reference",
        "svi_atlas.references",
        Column(
            "reference_unreliable",
            "",
            'Why no fit is compared with the reference, "" if it is reliable',
        ),
        Column(
            "without_moments",
            "",
            'Which component has no standard deviation, so that its tail probabilities are compared, "" if none',
        ),
        Column("improper", "", 'Why the posterior is improper, "" if it is not known to be'),
    ),
    *_written(
        "diagnose",
        "svi_atlas.diagnostics.final_loss",
        Column("final_loss", "nats", "Mean of the last 5 % of the losses", has_error=True),
        Column(
            "evidence_violation_z",
            "standard errors",
            "How far the final loss lies below minus the log evidence, which no negative ELBO can",
        ),
    ),
    *_written(
        "diagnose",
        "svi_atlas.diagnostics.loss_drift",
        Column(
            "loss_drift",
            "nats per 1,000 steps",
            "Slope of the loss over the last quarter of the steps, negative if it falls",
            has_error=True,
        ),
    ),
    *_written(
        "diagnose",
        "svi_atlas.diagnostics.loss_acceleration",
        Column(
            "loss_acceleration_z",
            "standard errors",
            "By how much the loss falls faster from quarter to quarter of the run",
            optional=True,
        ),
    ),
    *_written(
        "diagnose",
        "Dhaka et al. 2020; Welandawe et al. 2022",
        Column(
            "rhat",
            "1",
            "Largest split R-hat of a parameter over the best window from the end of the run",
            has_error=True,
        ),
        Column(
            "ess",
            "1",
            "Smallest effective sample size of the iterates of a parameter over that window",
            has_error=True,
        ),
        Column(
            "averaged_mcse",
            "own",
            "Largest Monte Carlo standard error of an average of a parameter, unconstrained, over it",
        ),
        Column("window", "step", "Length of that window"),
    ),
    *_written(
        "diagnose",
        "Gelman and Rubin 1992; Vehtari et al. 2021",
        Column("seeds_rhat", "1", "Largest R-hat of a parameter over the seeds", has_error=True),
        Column("seeds_rhat_loss", "1", "R-hat of the loss over the seeds", has_error=True),
    ),
    *_written(
        "diagnose",
        "Polyak and Juditsky 1992",
        Column(
            "averaging_gain",
            "nats",
            "ELBO at the averaged iterate minus ELBO at the last iterate",
            has_error=True,
        ),
    ),
    *_written(
        "diagnose",
        "svi_atlas.diagnostics.stopping_rules",
        Column(
            "plateau_change", "1", "Relative change of the mean loss between the last two tenths"
        ),
        Column(
            "stan_change", "1", "What Stan's ADVI compares with its tolerance (Kucukelbir 2017)"
        ),
        Column(
            "pymc_change", "1", "What PyMC's CheckParametersConvergence compares with its tolerance"
        ),
    ),
    *_written(
        "diagnose",
        "Amari 1998; svi_atlas.diagnostics.elbo_gap",
        Column(
            "elbo_gap",
            "nats per parameter",
            "Optimality gap, the ELBO still to be gained within the family of the guide",
            has_error=True,
            per_iterate=True,
        ),
    ),
    *_written(
        "diagnose",
        "Amari 1998; svi_atlas.inference.affine_gain",
        Column(
            "gap_beyond",
            "nats",
            "ELBO that affine changes outside the family of the guide would gain, missing for guides "
            "written by hand",
            has_error=True,
            per_iterate=True,
        ),
        Column(
            "gradient_scale",
            "1",
            "Root mean square of the gradient of the log density in unconstrained coordinates, "
            "largest over smallest component",
            per_iterate=True,
        ),
    ),
    *_written(
        "diagnose",
        "Welandawe et al. 2022 (RABVI)",
        Column(
            "step_kl",
            "nats",
            "Symmetrised KL divergence to the guide of the same seed at the next smaller step size",
            has_error=True,
            per_iterate=True,
        ),
    ),
    *_written(
        "diagnose",
        "svi_atlas.diagnostics.elbo",
        Column(
            "elbo", "nats", "ELBO by fresh draws from the guide", has_error=True, per_iterate=True
        ),
        Column(
            "kl",
            "nats",
            "KL divergence of the guide from the posterior, log evidence minus ELBO",
            has_error=True,
            per_iterate=True,
        ),
        Column(
            "outside_support",
            "1",
            "Share of the draws where the density of the model is zero or undefined",
            per_iterate=True,
        ),
    ),
    *_written(
        "diagnose",
        "Yao et al. 2018; Vehtari et al. 2024",
        Column(
            "khat", "1", "Pareto k-hat of the importance weights", has_error=True, per_iterate=True
        ),
        Column("khat_quarter", "1", "Pareto k-hat from a quarter of the draws", per_iterate=True),
        Column(
            "tail_share",
            "1",
            "Share of the sum of the weights that their tail adds beyond its start",
            per_iterate=True,
        ),
        Column(
            "is_efficiency",
            "1",
            "Effective sample size of importance sampling over the number of draws",
            per_iterate=True,
        ),
    ),
    *_written(
        "diagnose",
        "Huggins et al. 2020; Dieng et al. 2017",
        Column(
            "cubo",
            "nats",
            "CUBO, an upper bound on the log evidence",
            has_error=True,
            per_iterate=True,
        ),
        Column(
            "d2",
            "nats",
            "Upper bound on the Rényi divergence of order 2",
            has_error=True,
            per_iterate=True,
        ),
        Column(
            "w1_bound",
            "guide sd",
            "Upper bound on the 1-Wasserstein distance, and so on the error of each mean",
            per_iterate=True,
        ),
    ),
    *_written(
        "diagnose",
        "svi_atlas.diagnostics.moments",
        Column(
            "mean_error",
            "posterior sd",
            "Largest error of a posterior mean",
            has_error=True,
            per_iterate=True,
            optional=True,
        ),
        Column(
            "sd_ratio",
            "1",
            "Standard deviation of the guide over that of the posterior, where it is farthest from 1",
            has_error=True,
            per_iterate=True,
            optional=True,
        ),
        *_certainty("mean_error", "posterior sd", "error of a mean"),
        *_certainty("sd_error", "1", "relative error of an sd"),
    ),
    *_written(
        "diagnose",
        "svi_atlas.diagnostics.combinations",
        Column(
            "combination_mean_error",
            "posterior sd",
            "Largest error of the mean of a linear combination of the components",
            has_error=True,
            per_iterate=True,
            optional=True,
        ),
        Column(
            "combination_sd_ratio",
            "1",
            "Standard deviation of a linear combination over that of the posterior, where it is "
            "farthest from 1",
            has_error=True,
            per_iterate=True,
            optional=True,
        ),
        *_certainty("combination_mean_error", "posterior sd", "error of such a mean"),
        *_certainty("combination_sd_error", "1", "relative error of such an sd"),
    ),
    *_written(
        "diagnose",
        "svi_atlas.diagnostics.tail_probabilities",
        Column(
            "tail_error",
            "1",
            "Largest error of the probability beyond the posterior's 5 or 95 % quantile",
            has_error=True,
            per_iterate=True,
            optional=True,
        ),
        *_certainty("tail_error", "1", "error of such a probability"),
    ),
    *_written(
        "diagnose",
        "svi_atlas.diagnostics.importance_moments; Vehtari et al. 2024",
        Column(
            "psis_mean_error",
            "posterior sd",
            "Largest correction, by Pareto smoothed importance sampling, of the mean of a component "
            "or of a linear combination",
            has_error=True,
            per_iterate=True,
        ),
        Column(
            "psis_sd_ratio",
            "1",
            "Standard deviation of the guide over the corrected one, where it is farthest from 1",
            has_error=True,
            per_iterate=True,
        ),
        *_certainty("psis_mean_error", "posterior sd", "correction of a mean"),
        *_certainty("psis_sd_error", "1", "relative correction of an sd"),
    ),
    *_written(
        "diagnose",
        "svi_atlas.diagnostics.other_fits",
        Column(
            "elbo_deficit",
            "nats",
            "By how much the ELBO of another fit of the same guide is certainly higher",
            per_iterate=True,
        ),
        Column(
            "mass_elsewhere",
            "1",
            "Lower bound on the share of the posterior where other fits draw and this one does not",
            per_iterate=True,
        ),
    ),
    *_written(
        "diagnose",
        "svi_atlas.diagnostics.wasserstein",
        Column(
            "wasserstein",
            "posterior sd",
            "Largest 1-Wasserstein distance of a marginal from that of the posterior",
            has_error=True,
            per_iterate=True,
            optional=True,
        ),
    ),
    *_written(
        "diagnose",
        "svi_atlas.diagnostics.missed_modes",
        Column(
            "missed_mass",
            "1",
            "Posterior mass of the modes that the guide misses",
            per_iterate=True,
            optional=True,
        ),
        Column(
            "missed_mode",
            "",
            "Where the heaviest missed mode lies",
            per_iterate=True,
            optional=True,
        ),
    ),
    *_written(
        "diagnose",
        "svi_atlas.diagnostics.funnel",
        Column(
            "funnel_ratio",
            "1",
            "Ratio of the spreads of a site where another component is large and where it is small",
        ),
        Column("funnel_site", "", "The site with that component"),
    ),
    *_written(
        "diagnose",
        "svi_atlas.diagnostics.table",
        Column(
            "param.<name>", "own", "Parameter of the guide at the averaged iterate", optional=True
        ),
        Column(
            "param_last.<name>",
            "own",
            "Parameter of the guide at the last iterate",
            optional=True,
        ),
        Column(
            "derived.<name>", "own", "Quantity of interest at the averaged iterate", optional=True
        ),
        Column(
            "derived_last.<name>",
            "own",
            "Quantity of interest at the last iterate",
            optional=True,
        ),
    ),
    *_written(
        "table",
        "svi_atlas.judgement.verdict",
        Column("converged", "1", "Whether the fit reached the optimum of its guide's family"),
        Column("adequate", "1", "Whether that is close to the posterior, missing if unknown"),
        Column(
            "grade",
            "",
            'What a verdict on adequacy rests on, "reference" or "self" (see docs/decisions/verdicts.md)',
        ),
        Column(
            "verdict",
            "",
            "failed, diverged, not_converged, inadequate, unjudged or adequate",
            per_iterate=True,
        ),
        Column("reason", "", "One sentence on what decided the verdict"),
        Column("borderline", "", "Statistics within one standard error of their limit"),
    ),
)
"""`fits.parquet`, `fits.csv` and `diagnostics/*.parquet`: one row per fit."""

CELL = (
    *_written(
        "fit",
        "svi_atlas.inference.fit",
        Column("seed", "1", "Seed of the fit"),
        Column("step_size", "1", "Step size of the optimiser, the peak of the schedule"),
        Column("schedule", "", "How the step size varies along the fit"),
        Column("steps_used", "1", "Steps of each fit"),
        Column("arrived", "1", "Whether the fit stopped because it had arrived"),
        Column(
            "gradient_evaluations",
            "1",
            "Particles times steps, and the draws from which it was judged whether the fit had arrived",
        ),
        Column("snapshot_step", "step", "Step, from 1, after which a snapshot was kept"),
        Column("loss", "nats", "Loss by step; each is the mean of `stride` steps (attribute)"),
        Column("nonfinite", "1", "Share of the losses that are not finite"),
        Column("first_nonfinite", "step", "First step, from 1, whose loss is not finite"),
        Column("unconstrained.<name>", "own", "Parameter along the fit as the optimiser sees it"),
        Column("path.<name>", "own", "Parameter along the fit, constrained"),
    ),
    *_written(
        "fit",
        "svi_atlas.inference.whitened",
        Column(
            "whitening_loc",
            "own",
            "Where the whitened coordinates have their origin, in unconstrained coordinates",
            optional=True,
        ),
        Column(
            "whitening_scale_tril",
            "own",
            "Lower triangular matrix that maps whitened to unconstrained coordinates",
            optional=True,
        ),
    ),
    *_written(
        "search",
        "svi_atlas.inference.search",
        *(
            Column(f"trial_{name}", unit, f"{meaning} of each trial of the search", optional=True)
            for name, unit, meaning in (
                ("num_particles", "1", "Particles"),
                ("step_size", "1", "Peak step size"),
                ("num_steps", "1", "Steps"),
                ("seed", "1", "Seed"),
                ("gradient_evaluations", "1", "Gradient evaluations"),
                ("gap", "nats per parameter", "Optimality gap"),
                ("gap_se", "nats per parameter", "Standard error of the optimality gap"),
                ("arrived", "1", "Whether the optimality gap was small enough"),
                ("undecided", "1", "Whether the optimality gap was too uncertain to tell"),
                ("elbo", "nats per parameter", "ELBO, for flows"),
            )
        ),
    ),
    *_written(
        "fit",
        "svi_atlas.inference.draws",
        Column("iterate", "", '"last", or "averaged" for the iterate average (Polyak-Ruppert)'),
        Column("param.<name>", "own", "Parameter of the guide, constrained"),
        Column("derived.<name>", "own", "Quantity of interest", optional=True),
        Column("site.<name>", "own", "Draws from the fitted guide"),
        Column("log_joint", "nats", "Log joint density of the model at each draw"),
        Column("log_guide", "nats", "Log density of the guide at each draw"),
        Column(
            "elbo_gap",
            "nats",
            "Optimality gap, the ELBO still to be gained within the family of the guide",
            has_error=True,
        ),
        Column(
            "gap_beyond",
            "nats",
            "ELBO that affine changes outside the family of the guide would gain",
            has_error=True,
        ),
        Column(
            "gradient_scale",
            "1",
            "Root mean square of the gradient of the log density, largest over smallest component",
        ),
        Column(
            "step_kl",
            "nats",
            "Symmetrised KL divergence to the guide of the same seed at the next smaller step size",
            has_error=True,
        ),
        Column(
            "mock_guide.<name>",
            "own",
            "Data drawn from the model and the fitted guide, latent sites anew",
            optional=True,
        ),
        Column(
            "mock_draws.<name>",
            "own",
            "Data drawn from the model at draws of the guide",
            optional=True,
        ),
    ),
)
"""`fits/<model>/<guide>/<label>.nc`: all fits of a cell."""

DATA = _written(
    "data",
    "svi_atlas.problems",
    Column("<name>", "own", "Array of the data of the experiment", optional=True),
)
"""`data.nc`."""

REFERENCE = _written(
    "reference",
    "svi_atlas.references",
    Column("draw.<name>", "own", "Draws from the posterior"),
    Column("mean.<name>", "own", "Posterior mean"),
    Column("sd.<name>", "own", "Posterior standard deviation"),
    Column("mean_se.<name>", "own", "Monte Carlo standard error of the mean", optional=True),
    Column("sd_se.<name>", "own", "Monte Carlo standard error of the sd", optional=True),
    Column("grid.<name>", "own", "Grid of a posterior marginal density", optional=True),
    Column("density.<name>", "1 / own", "Posterior marginal density on that grid", optional=True),
    Column("mode_mass", "1", "Share of the posterior nearest to each mode", optional=True),
    Column("mode_centre.<name>", "own", "Centre of each mode", optional=True),
)
"""`reference.nc`: one group per model."""

VERIFICATION = _written(
    "verify",
    "config/expected/<experiment>.yaml",
    Column("name", "", "What is compared"),
    Column("kind", "", "published, exact, measured or promised"),
    Column("expected", "own", "Expected value or word"),
    Column(
        "tolerance", "own", "Largest allowed difference; of a word, share of the fits without it"
    ),
    Column("value", "own", "Value of this run; of a word, share of the fits that have it"),
    Column("ok", "1", "Whether the value is within tolerance"),
    Column("source", "", "Where the expected value comes from"),
    Column("why", "", "Why the tolerance is what it is"),
)
"""`verification.csv`: one row per expected value."""

RATES = _written(
    "rates",
    "svi_atlas.judgement.error_rates",
    Column("rule", "", "Verdict or stopping rule"),
    Column(
        "grade", "", 'What the rule may see: "reference", the posterior; "self", the fits alone'
    ),
    Column("size", "", 'Guides that are counted: "all", "to_64" or "above_64" parameters'),
    Column("iterate", "", '"last" or "averaged"'),
    Column("posteriors", "1", "Number of posteriors"),
    *(
        Column(f"{kind}{suffix}", "1", meaning.format(kind=kind))
        for kind in ("wrong", "right")
        for suffix, meaning in (
            ("", "Number of {kind} fits"),
            ("_called_adequate", "Number of {kind} fits that the rule calls adequate"),
        )
    ),
    *(
        Column(f"{name}{suffix}", "1", meaning.format(kind=kind))
        for name, kind in (("false", "wrong"), ("true", "right"))
        for suffix, meaning in (
            ("_rate", "Share of the {kind} fits that is called adequate, the mean over posteriors"),
            ("_low", "Lower end of its 95 % interval, by a bootstrap of the posteriors"),
            ("_high", "Upper end of its 95 % interval, by a bootstrap of the posteriors"),
        )
    ),
)
"""`rates.csv`: one row per rule, grade, size and iterate, of an experiment that studies the verdict."""

_IDENTITY = tuple(
    replace(column, stage="truth", has_error=False, per_iterate=False)
    for column in FITS
    if column.name in ("experiment", "model", "guide", "label", "schedule", "step_size", "seed")
)

TRUTH = (
    *_IDENTITY,
    *_written(
        "truth",
        "svi_atlas.study.truth",
        Column("iterate", "", '"last" or "averaged"'),
        Column(
            "error",
            "posterior sd",
            "Largest true error: of means, of log standard deviations and, halved, of 5 and 95 % "
            "quantiles, of components and of linear combinations",
        ),
        Column("elbo", "nats", "ELBO of 10,000 fresh draws", has_error=True),
        Column(
            "polished_elbo",
            "nats",
            "The same of the cell's best fit after L-BFGS on fixed draws",
            has_error=True,
        ),
    ),
)
"""`truth/<cell>.parquet`: one row per fit and iterate, of an experiment that studies the verdict."""

KNOWN = (
    *TRUTH,
    *(
        replace(column, stage="rates", has_error=False, per_iterate=False)
        for column in FITS
        if column.name in ("num_parameters", "verdict", "reason")
    ),
    *_written(
        "rates",
        "svi_atlas.judgement.error_rates",
        Column("verdict_self", "", "Verdict without the reference"),
        Column("reason_self", "", "Its reason"),
        Column("called:<grade>:<rule>", "1", "Whether a rule, at a grade, calls the fit adequate"),
        Column("true_gap", "nats", "ELBO that the best fit of the guide, or its polish, has more"),
        Column("is_right", "1", "Whether the fit is close to the posterior and has arrived"),
        Column("is_wrong", "1", "Whether the fit is not close to the posterior"),
    ),
)
"""`truth.parquet`: one row per fit and iterate; `study.parquet`: the same of all experiments of the study."""

_PARAMETER = Column("parameter", "", "Scalar component of a latent site", optional=True)
_MESSAGE = Column("message", "", "Error that the model or the guide raised", optional=True)

SBC = (
    *_written(
        "sbc",
        "config/experiments/<experiment>.yaml",
        Column("name", "", "Entry of the key `sbc`"),
        Column("model", "", "Model of the problem"),
        Column("guide", "", "Guide that is refitted"),
        Column("num_particles", "1", "Draws from the guide per estimate of the gradient"),
        Column("step_size", "1", "Step size of the optimiser"),
        Column("num_steps", "1", "Steps of the optimiser"),
        Column("simulations", "1", "Number of data sets drawn from the model"),
        Column("num_draws", "1", "Draws from each refitted guide"),
    ),
    *_written(
        "sbc",
        "Talts et al. 2018; Yao et al. 2018; Säilynoja et al. 2022",
        _PARAMETER,
        Column("not_finite", "1", "Number of refits that are not finite", optional=True),
        Column(
            "mean",
            "1",
            "Mean of the probabilities, 0.5 if calibrated, above it the guide is too low",
            optional=True,
        ),
        Column(
            "spread",
            "1",
            "Variance of the probabilities over 1/12, above 1 the guide is too narrow",
            optional=True,
        ),
        Column("symmetry", "1", "Statistic of the test of symmetry", optional=True),
        Column("symmetry_p", "1", "Its p-value", optional=True),
        Column("uniformity", "1", "Statistic of the test of uniformity", optional=True),
        Column("uniformity_p", "1", "Its p-value", optional=True),
        Column("symmetry_holm", "1", "Its p-value corrected for all parameters", optional=True),
        Column("uniformity_holm", "1", "Its p-value corrected for all parameters", optional=True),
        Column("finding", "", "What the tests say in a few words"),
        _MESSAGE,
    ),
)
"""`sbc.csv`: one row per entry of `sbc` and parameter."""

REFITS = _written(
    "sbc_refit",
    "Talts et al. 2018",
    _PARAMETER,
    Column("simulation", "1", "Seed of the simulated data set", optional=True),
    Column("truth", "own", "True value that the data set was drawn from", optional=True),
    Column("rank", "1", "Number of draws from the refitted guide below it", optional=True),
    _MESSAGE,
)
"""`sbc/<name>.parquet`: one row per simulation and parameter."""

NUTS = _written(
    "nuts",
    "svi_atlas.references.equal_cost",
    Column("model", "", "Model of the problem"),
    Column("seed", "1", "Seed of the chain"),
    Column("budget", "1", "Gradient evaluations that the chain may use, warm-up included"),
    Column("num_warmup", "1", "Steps of the warm-up"),
    Column("num_draws", "1", "Draws after the warm-up"),
    Column("gradient_evaluations", "1", "Gradient evaluations up to the last draw"),
    Column("mean_error", "posterior sd", "Largest error of a posterior mean"),
    Column(
        "sd_ratio",
        "1",
        "Standard deviation of the draws over that of the posterior, where it is farthest from 1",
    ),
    Column("seconds_run", "s", "Time of the chain, its share of that of all chains"),
    Column("seconds_total", "s", "The same with its share of the compilation"),
)
"""`nuts/<model>.parquet`: one row per seed and budget of NUTS."""

TABLES = {
    "fits": FITS,
    "cell": CELL,
    "data": DATA,
    "reference": REFERENCE,
    "verification": VERIFICATION,
    "rates": RATES,
    "truth": TRUTH,
    "known": KNOWN,
    "sbc": SBC,
    "refits": REFITS,
    "nuts": NUTS,
}
"""Columns by table, under the name by which `describe` knows it."""
