"""The files below config/ as models: the one place that says which keys there are and what they mean.

`config/README.md` and the JSON Schemas for editors are generated from the descriptions and
defaults here (`make docs`).
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from svi_atlas.configuration.values import (
    Count,
    FileModel,
    IfGiven,
    Name,
    NumDraws,
    NumSnapshots,
    Positive,
    Seeds,
    Share,
    Text,
    TruthValue,
    UniqueFilled,
)


class Override(FileModel):
    """Settings that replace those of every experiment."""

    num_steps: IfGiven[Count] = Field(
        default=None,
        description="Optimisation steps of every fit, or their limit where they are `at_most`. A "
        "search chooses its own (see `budget`).",
    )
    seeds: IfGiven[Seeds] = Field(
        default=None, description="Seeds of every grid, search and run of NUTS."
    )
    budget: IfGiven[Count] = Field(
        default=None,
        description="Gradient evaluations of a fit in every search, and the most of a chain of NUTS.",
    )
    num_draws: IfGiven[NumDraws] = Field(default=None, description="Draws from each fitted guide.")
    num_snapshots: IfGiven[NumSnapshots] = Field(
        default=None, description="Snapshots of the parameters kept along a fit."
    )
    max_stored_mb: IfGiven[Positive] = Field(
        default=None,
        description="Storage limit in MB for the losses of a cell, and separately for its snapshots.",
    )
    data: dict[str, dict[str, Any]] = Field(
        default={},
        description="By experiment, settings that replace those of its own `data`, such as a "
        "smaller size (see config/heavy_reduced.yaml).",
    )


class Thresholds(FileModel):
    """Limits that separate the verdicts."""

    elbo_gap: Positive = Field(
        default=0.0005,
        description="Largest optimality gap (ELBO still to be gained by optimising on), in nats per "
        "parameter of the guide, estimated by a natural gradient step from fresh draws (0.0005 is "
        "a mean off by 0.03 sd or an sd off by 2 %).",
    )
    rhat: Annotated[float, Field(ge=1)] = Field(
        default=1.1,
        description="Largest split R-hat of a parameter over the best window of its path that still "
        "counts as stationary (Dhaka et al. 2020 use 1.2, VIABEL's FASO 1.1).",
    )
    ess: Positive = Field(
        default=25.0,
        description="Smallest effective sample size of a parameter's iterates in that window "
        "(FASO uses 25, Dhaka et al. 20).",
    )
    loss_drift: Positive = Field(
        default=0.02,
        description="Largest fall of the loss that may still be under way (nats per 1,000 steps), "
        "once it exceeds twice its standard error.",
    )
    khat: float = Field(
        default=0.7,
        description="Largest Pareto k-hat; the sample-size bound min(1 - 1/log10(S), 0.7) applies "
        "as well (Vehtari et al. 2024).",
    )
    tail_share: Share = Field(
        default=0.02,
        description="Share of the sum of the importance weights that their tail must carry for a "
        "large k-hat to count; the shape of a tail that carries less changes no answer by more "
        "than that.",
    )
    mean_error: Positive = Field(
        default=0.1,
        description="Largest error of a posterior mean, in posterior standard deviations; the noise "
        "of draws and reference widens the limit, by half of it at most.",
    )
    sd_ratio: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.1,
        description="Largest relative error of a posterior standard deviation (0.1 allows ratios "
        "from 0.9 to 1.1). This limit and `mean_error` hold for linear combinations of the components "
        "as well.",
    )
    tail_error: Positive = Field(
        default=0.02,
        description="Largest error of the probability beyond the posterior's 5 or 95 % quantile (of a "
        "Normal, about what a shift of the quantile by 0.2 sd makes).",
    )
    kl: Positive = Field(
        default=0.1,
        description="Largest Kullback-Leibler divergence of the guide from the posterior, in nats per "
        "component, where the evidence is known.",
    )
    elbo_deficit: Positive = Field(
        default=0.1,
        description="ELBO (nats) that another fit of the same guide may have more; above it, and above "
        "the optimality gap that is allowed in all, the fit is at a local optimum.",
    )
    mass_elsewhere: Share = Field(
        default=0.05,
        description="Largest share of the posterior that may lie where other fits of the same guide "
        "draw and this one does not.",
    )
    missed_mass: Share = Field(
        default=0.01,
        description="Largest share of the posterior that may lie in modes the guide misses.",
    )
    outside_support: Share = Field(
        default=0.001,
        description="Largest share of the guide's draws where the model's density is zero or "
        "undefined.",
    )
    evidence_violation_z: Positive = Field(
        default=5.0,
        description="Number of standard errors by which a mean loss may lie below minus the log "
        "evidence, which no negative ELBO does; beyond it the loss falls without bound.",
    )
    loss_acceleration_z: Positive = Field(
        default=5.0,
        description="Number of standard errors by which the fall of a loss must grow, twice in a "
        "row, to count as accelerating, where no evidence bounds it.",
    )
    nonfinite: Share = Field(
        default=0.01, description="Largest share of losses that may be infinite or undefined."
    )


class Config(FileModel):
    """The global configuration: config/config.yaml with its overlays."""

    renamed: ClassVar[dict[str, str]] = {
        "override.budget_mb": "max_stored_mb",
        "thresholds.to_go": "elbo_gap",
        "thresholds.support_leak": "outside_support",
        "thresholds.below_evidence": "evidence_violation_z",
        "thresholds.falls_faster": "loss_acceleration_z",
    }

    experiments: UniqueFilled[Name] = Field(
        description="Names of the experiments to run. Each is a file config/experiments/NAME.yaml."
    )
    results: Text = Field(
        default="results",
        description="Folder the run writes to, relative to the working directory.",
    )
    strict: TruthValue = Field(
        default=False,
        description="If true, a guide or model that raises stops the run (after the other fits are "
        "done) instead of being listed as failed.",
    )
    allow_cpu: TruthValue = Field(
        default=False,
        description="If true, fits of experiments with `gpu` run on the CPU where there is no GPU. "
        "Changing it refits these experiments, since results of the two differ in their last "
        "digits.",
    )
    override: Override = Field(
        default=Override(),
        description="Settings that replace those of every experiment, for a quick trial (see "
        "config/smoke.yaml).",
    )
    thresholds: Thresholds = Field(
        default=Thresholds(),
        description="Limits that separate the verdicts. Changing one refits nothing.",
    )


class ExpectedRow(FileModel):
    """One published or exact value and how it is compared."""

    name: str = Field(description="What is compared.")
    table: Literal["fits", "rates"] = Field(
        default="fits",
        description="The table: of the fits (fits.parquet), or of the error rates of a study "
        "(rates.csv).",
    )
    where: dict[str, Any] = Field(
        min_length=1,
        description="Columns of the table and the values that select its rows.",
    )
    column: str = Field(description="Column of the table that is compared.")
    statistic: Literal["only", "median", "mean", "min", "max"] = Field(
        default="only",
        description="How several fits become one value; `only` asks for exactly one fit.",
    )
    expect: float | str = Field(
        description="The value; for a word the tolerance is the share of fits that may differ."
    )
    tolerance: Annotated[float, Field(ge=0)] = Field(description="Largest absolute difference.")
    kind: Literal["published", "exact", "measured", "promised"] = Field(
        description="published (printed in the tutorial or the forum thread), exact (closed form or "
        "quadrature), measured (an independent run of SVI.run) or promised (by this project "
        "about itself)."
    )
    source: str = Field(description="Where the value comes from.")
    why: str = Field(description="Why the tolerance is what it is.")


class ExpectedFile(FileModel):
    """Published and exact values of an experiment: config/expected/NAME.yaml."""

    rows: list[ExpectedRow] = Field(description="One entry per value.")
