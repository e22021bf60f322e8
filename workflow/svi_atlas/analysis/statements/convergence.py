"""More particles may help convergence: at equal numbers of steps, and at equal numbers of draws."""

from __future__ import annotations

import numpy as np
import pandas as pd

from svi_atlas.analysis._series import bin_means, centres, log_bins, quantiles
from svi_atlas.analysis._statistics import median_standard_error
from svi_atlas.analysis._tables import model_label, negative_log_evidence, with_labels
from svi_atlas.analysis.statements._selection import (
    best_step_size,
    columns_of,
    compared_families,
    fits_with_elbo,
    sampled_families,
    why_unusable,
)
from svi_atlas.analysis.statements._text import range_over_seeds
from svi_atlas.formatting import MINUS, MISSING, count_of
from svi_atlas.judgement.families import Family, families
from svi_atlas.judgement.ranking import FAMILY, grid_fits
from svi_atlas.results.inputs import Fits, References, with_schedule

FITS = {"excess_losses": {"label": ["particles-*"]}}
"""Which fits an analysis reads."""

NUM_BINS = 24

KEYS = ["model", "guide", "family", "step_size"]


def adequate_shares(table: pd.DataFrame) -> pd.DataFrame:
    """Share of the seeds that are adequate, with its binomial standard error.

    One row per setting of the guides fitted with several numbers of particles: `model`, `guide`, `family`,
    `step_size`, `num_particles`, `share`, `error`.
    """
    grid = grid_fits(table)
    parts = [pd.DataFrame(columns=[*KEYS, "num_particles", "share", "error"])]
    for family in compared_families(table):
        fits = family.of(grid)
        adequate = (fits["verdict"] == "adequate").groupby(
            [fits["step_size"], fits["num_particles"]]
        )
        share = adequate.mean().astype(float)
        error = np.sqrt(share * (1 - share) / adequate.count())
        rows = pd.DataFrame({"share": share, "error": error}).reset_index()
        parts.append(rows.assign(**columns_of(family)))
    return pd.concat(parts if len(parts) == 1 else parts[1:], ignore_index=True)


def share_changes(table: pd.DataFrame) -> pd.DataFrame:
    """Change of the share of adequate fits from the fewest to the most particles, at equal steps.

    One row per guide and step size, of the fits that neither failed nor diverged: `gain` and its binomial
    standard `error`.
    """
    fits = fits_with_elbo(table)
    fits = fits[fits["guide"].isin([family.guide for family in sampled_families(table)])]
    rows = []
    for (model, guide, _, _, step_size), setting in fits.groupby(
        [*FAMILY, "step_size"], sort=False
    ):
        adequate = (setting["verdict"] == "adequate").groupby(setting["num_particles"])
        share, count = adequate.mean().iloc[[0, -1]], adequate.count().iloc[[0, -1]]
        if len(adequate) > 1:
            error = float(np.sqrt((share * (1 - share) / count).sum()))
            gain = float(share.iloc[1] - share.iloc[0])
            rows.append((model, guide, step_size, gain, error))
    return pd.DataFrame(rows, columns=["model", "guide", "step_size", "gain", "error"])


def excess_losses(table: pd.DataFrame, fits: Fits, reference: References) -> pd.DataFrame:
    """Losses above minus the log evidence at each guide's best step size, in bins of steps.

    Where the evidence is unknown, they are taken above the lowest level reached.

    Returns
    -------
    DataFrame
        One row per fit and bin: `model`, `guide`, `family`, `step_size`, `num_particles`, `seed`, `step`
        (middle of the bin), `draws` (steps times particles), `excess` (nats). A guide without a usable
        setting has one row, whose `note` says why.
    """
    columns = [*KEYS, "num_particles", "seed", "step", "draws", "excess", "note"]
    parts = []
    for family in compared_families(table):
        step_size = best_step_size(table, family)
        if step_size is None:
            rows = pd.DataFrame({"note": [why_unusable(table, family)]})
        else:
            floor = negative_log_evidence(reference, family.model)
            rows = _excess_of_guide(fits, family, step_size, floor)
        parts.append(rows.assign(**columns_of(family)).reindex(columns=columns))
    if not parts:
        return pd.DataFrame(columns=columns)
    return pd.concat([part.astype(object) for part in parts], ignore_index=True).astype(
        dict.fromkeys(columns[3:-1], float)
    )


def _excess_of_guide(fits: Fits, family: Family, step_size: float, floor: float) -> pd.DataFrame:
    parts = []
    for count, label in sorted(family.labels.items()):
        cell = with_schedule(fits[family.model, family.guide, label], family.schedule)
        if "message" in cell.attrs or step_size not in cell["step_size"]:
            continue
        edges = log_bins(cell.sizes["step"], NUM_BINS)
        loss = cell["loss"].sel(step_size=step_size).transpose("seed", "step").to_numpy()
        means, steps = bin_means(loss, edges), centres(edges)
        rows = {
            "num_particles": count,
            "seed": np.repeat(cell["seed"].to_numpy(), len(steps)),
            "step": np.tile(steps, len(means)),
            "draws": np.tile(steps * count, len(means)),
            "loss": means.ravel(),
        }
        parts.append(pd.DataFrame(rows))
    losses = pd.concat(parts, ignore_index=True)
    optimum = floor if np.isfinite(floor) else _lowest_median(losses)
    return losses.assign(excess=losses["loss"] - optimum, step_size=step_size, note=None)


def _lowest_median(losses: pd.DataFrame) -> float:
    return float(losses.groupby(["num_particles", "step"])["loss"].median().min())


def loss_course(excess_losses: pd.DataFrame) -> pd.DataFrame:
    """Median and 10 % to 90 % range of the excess losses over the seeds: one row per bin of steps.

    Columns: the guide, `step_size`, `num_particles`, `step`, `draws`, `low`, `median`, `high` (nats), and
    the `note` of a guide without a usable setting.
    """
    keys = [*KEYS, "num_particles", "step", "draws"]
    rows = []
    for values, bin_losses in excess_losses.groupby(keys, sort=False, dropna=False):
        low, median, high = quantiles(bin_losses["excess"].to_numpy(), (0.1, 0.5, 0.9))
        ranges = {"low": low, "median": median, "high": high, "note": bin_losses["note"].iloc[0]}
        rows.append(dict(zip(keys, values, strict=True)) | ranges)
    return pd.DataFrame(rows, columns=[*keys, "low", "median", "high", "note"])


def loss_levels(excess_losses: pd.DataFrame) -> pd.DataFrame:
    """Excess loss of each seed at the end (`at_end`) and after equal numbers of draws (`at_draws`), nats.

    Equal draws: after as many as the fit with the fewest particles makes in all.
    """
    columns = [*KEYS, "num_particles", "seed", "at_end", "at_draws"]
    parts = []
    for _, losses in excess_losses[excess_losses["note"].isna()].groupby("family", sort=False):
        fewest = losses[losses["num_particles"] == losses["num_particles"].min()]
        draws = fewest["draws"].max()
        for _, cell in losses.groupby("num_particles"):
            steps = np.sort(cell["draws"].unique())
            nearest = steps[np.abs(steps - draws).argmin()]
            levels = cell[cell["draws"] == steps[-1]].rename(columns={"excess": "at_end"})
            at_draws = cell[cell["draws"] == nearest].set_index("seed")["excess"]
            parts.append(levels.assign(at_draws=levels["seed"].map(at_draws))[columns])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def level_changes(loss_levels: pd.DataFrame) -> pd.DataFrame:
    """Change of the median loss from the fewest to the most particles after equal numbers of draws.

    One row per guide: `change` (nats) and its standard `error`.
    """
    rows = []
    for (model, guide, _), levels in loss_levels.groupby(["model", "guide", "family"], sort=False):
        by_count = {
            int(cell["num_particles"].iloc[0]): cell["at_draws"]
            for _, cell in levels.groupby("num_particles")
        }
        if len(by_count) > 1:
            few, many = by_count[min(by_count)], by_count[max(by_count)]
            error = np.hypot(median_standard_error(few), median_standard_error(many))
            rows.append((model, guide, many.median() - few.median(), error))
    return pd.DataFrame(rows, columns=["model", "guide", "change", "error"])


def convergence_table(table: pd.DataFrame, loss_levels: pd.DataFrame) -> pd.DataFrame:
    """Each guide at its best step size, by number of particles: medians and ranges over the seeds."""
    fits = fits_with_elbo(table)
    rows = []
    by_name = {family.name: family for family in families(table)}
    keys = ["model", "family", "num_particles", "step_size"]
    for _, levels in loss_levels.groupby(keys, sort=False):
        model, name, count, step_size = levels[keys].iloc[0]
        setting = by_name[name].of(fits)
        setting = setting[setting["num_particles"] == count]
        setting = setting[np.isclose(setting["step_size"], step_size)]
        rows.append(
            {
                "guide": by_name[name].title,
                "model": model,
                "num_particles": int(count),
                "step_size": step_size,
                "adequate": count_of((setting["verdict"] == "adequate").sum(), len(setting)),
                "kl": range_over_seeds(setting["kl"]) if "kl" in setting else MISSING,
                "at_end": range_over_seeds(levels["at_end"]),
                "at_draws": range_over_seeds(levels["at_draws"]),
            }
        )
    columns = ["guide", "model", *keys[2:], "adequate", "kl", "at_end", "at_draws"]
    return with_labels(
        pd.DataFrame(rows, columns=columns),
        {
            "guide": "guide",
            **model_label(grid_fits(table)),
            "num_particles": "particles",
            "step_size": "step size",
            "adequate": "adequate",
            "kl": "KL, averaged iterate (nats)",
            "at_end": f"loss above {MINUS}ln Z, equal steps (nats)",
            "at_draws": f"loss above {MINUS}ln Z, equal draws (nats)",
        },
    )
