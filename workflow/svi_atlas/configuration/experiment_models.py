"""An experiment's file, config/experiments/NAME.yaml, as models: its keys and what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, StringConstraints

from svi_atlas.configuration.values import (
    Count,
    FileModel,
    IfGiven,
    Name,
    NumDraws,
    NumSnapshots,
    Positive,
    Seed,
    Seeds,
    Text,
    Unique,
    UniqueFilled,
)
from svi_atlas.guide_traits import AUTOGUIDES, FAMILIES

if TYPE_CHECKING:
    AutoguideName = str
    FamilyName = str
else:
    AutoguideName = Literal[AUTOGUIDES]
    FamilyName = Literal[FAMILIES]

FigureName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]*$")]
SingleName = Annotated[str, StringConstraints(pattern=r"^(?!particles|search$)[a-z][a-z0-9_]*$")]
GuideLabel = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


class OptimizerOptions(FileModel):
    """An optimiser with options."""

    name: Text = Field(
        description="NumPyro optimiser with a step size (Adam, ClippedAdam, SGD, ...), or "
        "`optax.NAME` for a function of optax with the argument `learning_rate`."
    )
    options: dict[str, Any] = Field(
        default={}, description="Its keyword arguments, all but the step size."
    )


class AtMost(FileModel):
    """A number of steps at which a fit stops that has not arrived before."""

    at_most: Count = Field(
        description="The fit stops when its optimality gap is below the limit, or after this "
        "number of steps. Step sizes that fall with a schedule start again for twice as many "
        "steps."
    )


Optimizer = Text | OptimizerOptions
NumSteps = Count | AtMost

Loss = Literal["Trace_ELBO", "TraceMeanField_ELBO", "TraceGraph_ELBO"]


class GridBlock(FileModel):
    """A full grid of fits."""

    models: IfGiven[UniqueFilled[str]] = Field(
        default=None, description="Models of the problem (all of them if absent)."
    )
    guides: UniqueFilled[str] = Field(
        description="The problem's own guides, NumPyro autoguides by class name, or labels from "
        "`autoguides`."
    )
    num_particles: UniqueFilled[Count] = Field(
        description="Draws from the guide per estimate of the ELBO."
    )
    step_sizes: UniqueFilled[Positive] = Field(
        description="Step sizes of the optimiser: the peak, where a schedule varies them."
    )
    schedules: UniqueFilled[str] = Field(
        default=["constant"],
        description="How the step size varies along a fit: constant, cosine, exponential, "
        "warmup_cosine, or a schedule of the problem. Each is combined with each step size.",
    )
    seeds: Seeds = Field(
        description="Number of seeds (1, 2, ... are used), or a list of seeds. The fit with seed s "
        "equals SVI.run(PRNGKey(s))."
    )
    num_steps: IfGiven[NumSteps] = Field(
        default=None,
        description="Optimisation steps of the fits of this block (the experiment's if absent).",
    )
    optimizer: IfGiven[Optimizer] = Field(
        default=None, description="Optimiser of this block (the experiment's if absent)."
    )
    loss: IfGiven[Loss] = Field(
        default=None, description="Loss of this block (the experiment's if absent)."
    )


class SingleFit(FileModel):
    """One fit outside the grid."""

    model: IfGiven[str] = Field(
        default=None, description="Model of the problem (may be absent if there is only one)."
    )
    guide: str = Field(description="Guide of the fit.")
    num_particles: Count = Field(description="Draws from the guide per estimate of the ELBO.")
    step_size: Positive = Field(
        description="Step size of the optimiser: the peak, where a schedule varies it."
    )
    schedule: str = Field(
        default="constant",
        description="How the step size varies along the fit, as in `grid`.",
    )
    seed: Seed = Field(description="Seed of the fit.")
    num_steps: IfGiven[NumSteps] = Field(
        default=None, description="Optimisation steps (the experiment's if absent)."
    )
    num_draws: IfGiven[NumDraws] = Field(
        default=None, description="Draws from the fitted guide (the experiment's if absent)."
    )
    optimizer: IfGiven[Optimizer] = Field(
        default=None, description="Optimiser (the experiment's if absent)."
    )
    loss: IfGiven[Loss] = Field(default=None, description="Loss (the experiment's if absent).")
    num_mock: IfGiven[Count] = Field(
        default=None,
        description="Number of mock data sets for predictive checks, drawn from model and fitted "
        "guide (none if absent).",
    )


class SbcRefit(FileModel):
    """A guide refitted to many data sets drawn from the model, for simulation-based calibration."""

    model: IfGiven[str] = Field(
        default=None,
        description="Model of the problem (may be absent if there is only one). Its priors must be "
        "proper and each observed site named like its data.",
    )
    guide: str = Field(description="Guide that is refitted.")
    num_particles: Count = Field(description="Draws from the guide per estimate of the ELBO.")
    step_size: Positive = Field(
        description="Step size of the optimiser: the peak, where a schedule varies it."
    )
    schedule: str = Field(
        default="constant",
        description="How the step size varies along the fit, as in `grid`.",
    )
    num_steps: IfGiven[Count] = Field(
        default=None, description="Optimisation steps of a refit (the experiment's if absent)."
    )
    simulations: Annotated[int, Field(ge=20)] = Field(
        default=400,
        description="Number of data sets. Data set i is refitted as SVI.run(PRNGKey(i)) would.",
    )
    num_draws: IfGiven[NumDraws] = Field(
        default=None, description="Draws from each refitted guide (the experiment's if absent)."
    )
    optimizer: IfGiven[Optimizer] = Field(
        default=None, description="Optimiser (the experiment's if absent)."
    )


class Search(FileModel):
    """A search for the cheapest setting of each family, from cheap to expressive families."""

    budget: Count = Field(
        default=400000,
        description="Gradient evaluations (particles times steps) that a fit may use before its "
        "family is given up.",
    )
    seeds: Seeds = Field(
        default=20,
        description="Number of seeds (1, 2, ... are used), or a list of seeds. A setting is "
        "sufficient if 95 % of its seeds arrive.",
    )
    models: IfGiven[UniqueFilled[str]] = Field(
        default=None, description="Models of the problem (all of them if absent)."
    )
    guides: UniqueFilled[FamilyName] = Field(
        default=[
            "AutoDiagonalNormal",
            "AutoMultivariateNormal",
            "AutoIAFNormal",
            "AutoBNAFNormal",
        ],
        description="Families that are tried, whitened, from cheap to expressive whatever their "
        "order here. The search ends at the first that is adequate.",
    )


class Nuts(FileModel):
    """NUTS beside the fits, at given costs: one chain per seed, with a dense mass matrix."""

    models: IfGiven[UniqueFilled[str]] = Field(
        default=None, description="Models of the problem (all of them if absent)."
    )
    seeds: Seeds = Field(
        default=32, description="Number of chains (seeds 1, 2, ... are used), or a list of seeds."
    )
    budgets: UniqueFilled[Count] = Field(
        default=[10_000, 30_000, 100_000, 300_000, 1_000_000],
        description="Gradient evaluations of a chain, warm-up included, after which its errors are "
        "recorded.",
    )


class Study(FileModel):
    """Posteriors on which the error rates of the verdict are measured, fixed beforehand."""

    posteriors: Text = Field(
        description="CSV file with the columns `experiment` and `model`, relative to the project: every "
        "posterior of the study. The experiment's models must be those that it lists."
    )
    sha256: Text = Field(description="SHA-256 of that file, as it was before the first fit.")
    also: list[Name] = Field(
        default=[],
        description="Other experiments of the study, whose fits are counted as well where they are part "
        "of the run.",
    )


class StartFrom(FileModel):
    """Where a guide starts: at given values, or at the fits of another experiment (one of the two)."""

    value: IfGiven[dict[str, Any]] = Field(
        default=None,
        description="Value of each site, a number or a list of numbers. Other sites start at "
        "random.",
    )
    experiment: IfGiven[Name] = Field(
        default=None,
        description="An experiment of the run. Each fit starts at that experiment's fit of the "
        "same model, guide label, single fit or number of particles, setting and place among the "
        "seeds.",
    )


class Autoguide(FileModel):
    """A NumPyro autoguide with options."""

    class_: AutoguideName = Field(alias="class", description="NumPyro class name.")
    options: dict[str, Any] = Field(default={}, description="Its keyword arguments.")
    whitened: bool = Field(
        default=False,
        description="If true, the guide is fitted in coordinates whitened by the Laplace "
        "approximation of the posterior, and starts there; it needs no standardised predictors. "
        "Where the posterior has no usable Laplace approximation, the guide is fitted as if this "
        "were false.",
    )
    start: Literal["uniform", "median", "mean", "feasible", "laplace"] | StartFrom = Field(
        default="uniform",
        description="Where the guide starts: NumPyro's strategies `uniform`, `median`, `mean`, "
        "`feasible`; at the mode of the posterior (`laplace`); at given values; or at the fits of "
        "another experiment.",
    )


class ExperimentFile(FileModel):
    """One experiment as its file describes it."""

    renamed: ClassVar[dict[str, str]] = {
        "named": "single",
        "calibration": "sbc",
        "budget_mb": "max_stored_mb",
    }

    title: Text = Field(description="One line that names the experiment on its page.")
    problem: Text = Field(
        description="A built-in problem (coin, ...) or the path of a Python file that defines "
        "PROBLEM, relative to the working directory."
    )
    data: dict[str, Any] = Field(
        default={},
        description="Settings passed to the problem's simulate function; the problem says what "
        "they mean. Without such a function they are data themselves.",
    )
    data_files: Unique[Text] = Field(
        default=[],
        description="Files that the data come from, relative to this file. Without a function simulate "
        "their arrays are the data: columns of .csv and .parquet, variables of .nc, arrays of .npz and .npy. "
        "An edited file reruns the experiment.",
    )
    num_steps: NumSteps = Field(default=10000, description="Optimisation steps of a fit.")
    optimizer: Optimizer = Field(
        default="Adam",
        description="Optimiser: the name of one of NumPyro's with a step size, or `optax.NAME`; "
        "with options as a mapping. ClippedAdam clips each gradient entry to [-10, 10].",
    )
    loss: Loss = Field(
        default="Trace_ELBO",
        description="NumPyro's estimator of the negative ELBO. TraceMeanField_ELBO takes KL divergences "
        "of sites in closed form where it can; TraceGraph_ELBO also optimises parameters that only choose "
        "among draws, such as the weights of a mixture.",
    )
    num_draws: NumDraws = Field(
        default=4000,
        description="Draws from each fitted guide, for the ELBO, k-hat and the errors of means and "
        "standard deviations.",
    )
    num_snapshots: NumSnapshots = Field(
        default=1000,
        description="Snapshots of the parameters kept along a fit (fewer for guides with very many "
        "parameters).",
    )
    max_stored_mb: Positive = Field(
        default=64.0,
        description="Storage limit in MB for the losses of a cell, and separately for its "
        "snapshots. Beyond it losses are averaged over blocks of steps and fewer snapshots are "
        "kept.",
    )
    study: IfGiven[Study] = Field(
        default=None,
        description="Measures the true error of every fit with many fresh draws and writes rates.csv: "
        "how often the verdict and other rules are wrong.",
    )
    grid: Annotated[list[GridBlock], Field(min_length=1)] = Field(
        default_factory=list,
        description="Blocks of fits. Each block is a full grid; a (model, guide, num_particles) may "
        "occur in one block only.",
    )
    search: IfGiven[Search] = Field(
        default=None,
        description="Finds for each family, from cheap to expressive, the cheapest setting whose "
        "fits arrive, and stops at the first family that is adequate. An experiment with neither "
        "`grid` nor `search` gets a search with the defaults.",
    )
    nuts: IfGiven[Nuts] = Field(
        default=None,
        description="Runs NUTS on the same posteriors, to compare at equal cost: writes "
        "nuts/<model>.parquet.",
    )
    single: dict[SingleName, SingleFit] = Field(
        default={},
        description="Single fits outside the grid, by name, for instance a published run. The name "
        'must not be "search" nor start with "particles".',
    )
    sbc: dict[Name, SbcRefit] = Field(
        default={},
        description="Simulation-based calibration: refits by name, each of one guide to many data "
        "sets drawn from the model at parameters drawn from its prior. Tests whether the rank of "
        "the true values among the guide's draws is uniform, and adds the figure and the section "
        "`sbc` to the page.",
    )
    autoguides: dict[GuideLabel, Autoguide] = Field(
        default={}, description="Labels for autoguides with options, used like guide names."
    )
    figures: Unique[FigureName] = Field(
        default=["posterior", "loss", "verdicts"],
        description="Figures of the page, modules of svi_atlas.plots, in order.",
    )
    notebooks: UniqueFilled[Name] = Field(
        default=["experiment"],
        description="Text notebooks in notebooks/. The first makes the experiment's page, further "
        "ones pages of their own.",
    )
    heavy: bool = Field(
        default=False,
        description="If true, the experiment is left out of the default target; `snakemake heavy` "
        "runs it.",
    )
    gpu: bool = Field(
        default=False,
        description="If true, each fit requests one GPU (the resource `gpu`, see `snakemake "
        "--resources gpu=1`) and stops if it finds none, unless `allow_cpu` is set in "
        "config/config.yaml.",
    )
