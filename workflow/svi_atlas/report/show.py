"""What the notebooks show: figures, tables and sentences made from results."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import HTML, Markdown

from svi_atlas.judgement.ranking import best_settings, grid_fits
from svi_atlas.judgement.recommendation import recommend, why_none_qualifies
from svi_atlas.judgement.step_size_forecast import smaller_step as forecast_smaller_step
from svi_atlas.judgement.verdict import VERDICTS
from svi_atlas.results.store import Results

MISSING, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"

AS_GIVEN = ("step_size", "tolerance")
"""Columns of settings, shown as they were given and not rounded."""

LONG, LONG_HEADING, LONG_NAME = 40, 16, 12
"""Characters of a text that needs a wide column, and of a heading and a name that may be broken."""

ORDER = VERDICTS[::-1]
"""Verdicts in the order of the tables, the best first."""

CAPTIONS = {
    "loss": "Loss along the steps. Each seed's losses are averaged within bins of steps; lines are "
    "medians over the seeds, bands their 10 to 90 % range.",
    "verdicts": "Share of the seeds with each verdict, by guide, particle count and step size. The "
    "number over a bar counts its adequate fits.",
    "kl_by_step_size": "KL divergence from the posterior of the last iterate (where the evidence is "
    "unknown, ELBO below the best fit): a point a seed, a line the median. Open circles are below "
    "their own Monte Carlo error and drawn at it.",
    "coin.particles": "The origin's run with 1 and with 32 particles. Left: mean loss, with one "
    "standard deviation of the single losses. Middle and right: the parameters, which start at 10. "
    "With one particle the loss has settled, the parameters have not.",
    "calibration": "Where the true value lies among the draws of a guide refitted to data simulated at "
    "it. Counts of simulations in bins of the probability of a draw below the true value; all bars of "
    "a calibrated guide are inside the band with a probability of 99 %.",
    "rotated_gaussian.two_questions": "Left and middle: both guides settle at one setting, a line a "
    "seed, and one of them is wrong. Right: every fit of the grid; left of the vertical line its "
    "parameters are at rest, between the horizontal lines its standard deviations are right.",
}
"""Captions of the figures that several pages show."""

CALIBRATION = """\
## Are the fits calibrated?

Are fits right on average over data sets like these? Parameters are drawn from the prior, data from the
model at them, and the guide is refitted to each data set. If the guide were the exact posterior, the
probability of a draw below the true value would be uniform over the data sets. Two tests, p-values
corrected for the number of parameters (Holm), deviations at 1 %:

- *symmetry* (Yao et al. 2018): is the guide too low or too high on average? A guide that is only too
  narrow or too wide passes.
- *uniformity*: any deviation. The spread is the variance of the probabilities over that of a uniform:
  above 1 the guide is too narrow (too sure of itself), below 1 too wide.

No deviation found is no proof: small ones need more simulations, and a guide that ignores the data and
stays at the prior is calibrated too.
"""
"""Text of the section on calibration."""

SMALLER_STEP = """\
### What would a smaller step size buy?

The ELBO that the averaged iterate lacks, at the best setting of each guide. *Forecast*: from the
symmetrised KL divergences between the averages of successive step sizes, which fall with a power of the
step size (RABVI, Welandawe et al. 2022; pairs of step sizes at which the parameters rest). *Measured*:
half the squared length of the ELBO's gradient in the metric of the guide's Fisher matrix (a negative
estimate is zero within its error). Where the forecast is the smaller one, more steps would help more than
smaller ones.
"""
"""Text of the section on smaller steps."""

__all__ = [
    "CALIBRATION",
    "ORDER",
    "SMALLER_STEP",
    "best",
    "best_settings",
    "breakable",
    "calibration",
    "counts",
    "downloads",
    "evidence",
    "failures",
    "figure",
    "grid_fits",
    "measured",
    "number",
    "provenance",
    "recommend",
    "rerun",
    "say",
    "smaller_step",
    "table",
    "verdict",
    "verification",
    "why_none_qualifies",
]  # fmt: skip


def say(text: str) -> Markdown:
    """A paragraph in Markdown, for sentences with computed numbers."""
    return Markdown(text)


def number(value: Any, digits: int = 3) -> str:
    """A number to `digits` significant ones, with separators; very small ones as 1.2e-5."""
    if value is None or pd.isna(value):
        return MISSING
    if isinstance(value, (int, np.integer)):
        return f"{value:,}".replace("-", MINUS)
    if not np.isfinite(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    if value == 0:
        return "0"
    magnitude = int(np.floor(np.log10(abs(value))))
    if -5 < magnitude < 6:
        text = f"{value:,.{max(0, digits - 1 - magnitude)}f}"
    else:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", MINUS)


def measured(value: float, error: float) -> str:
    """A value with its standard error, both rounded to the error's first digit."""
    if not (np.isfinite(value) and np.isfinite(error) and error > 0):
        return number(value)
    places = max(0, -int(np.floor(np.log10(error))))
    return f"{value:,.{places}f} ± {error:.{places}f}".replace("-", MINUS)


def figure(results: Results, name: str, caption: str | None = None) -> HTML:
    """A figure of the run as an image inside the page, with its caption (HTML allowed)."""
    caption = caption or CAPTIONS.get(name, name)
    image = base64.b64encode(results.figure(name).read_bytes()).decode()
    png = f"../{results.experiment}/figures/{name}.png"
    alternative = html.escape(_plain(caption), quote=True)
    return HTML(
        f'<figure id="{html.escape(name)}"><a href="{html.escape(png)}">'
        f'<img alt="{alternative}" src="data:image/svg+xml;base64,{image}"></a>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _plain(text: str) -> str:
    pieces = (piece.split(">", 1)[-1] for piece in f">{text}".split("<"))
    return " ".join("".join(pieces).split())


def table(frame: pd.DataFrame, names: Mapping[str, str] | None = None, digits: int = 3) -> HTML:
    """A tidy table as HTML: rounded numbers, verdicts coloured, texts escaped.

    names: column -> heading; only these columns are shown, in this order. All if None. On a phone a
    table of several columns with long texts is shown row by row, each cell after its heading.
    """
    names = names or {str(name): str(name) for name in frame}
    frame = frame[list(names)]
    numeric = {name for name in names if pd.api.types.is_numeric_dtype(frame[name])}
    head = "".join(
        f'<th scope="col"{_class(name in numeric, heading, LONG_HEADING)}>'
        f"{html.escape(heading)}</th>"
        for name, heading in names.items()
    )
    rows = [
        "".join(
            f'<td{_class(name in numeric, value)} data-heading="{html.escape(heading, quote=True)}">'
            f"{_cell(value, 0 if name in AS_GIVEN else digits)}</td>"
            for (name, heading), value in zip(names.items(), row, strict=True)
        )
        for row in frame.itertuples(index=False, name=None)
    ]
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    texts = len(names) > 2 and any(_is_long(value) for value in frame.to_numpy().flat)
    kind = ' class="texts"' if texts else ""
    return HTML(
        f'<div class="scroll"><table{kind}><thead><tr>{head}</tr></thead><tbody>{body}</tbody>'
        "</table></div>"
    )


def _is_long(value: Any, longest: int = LONG) -> bool:
    return isinstance(value, str) and len(value) > longest


def _class(numeric: bool, value: Any, longest: int = LONG) -> str:
    kinds = (("number", numeric), ("long", _is_long(value, longest)))
    names = [name for name, holds in kinds if holds]
    return f' class="{" ".join(names)}"' if names else ""


def _cell(value: Any, digits: int) -> str:
    if isinstance(value, HTML):
        return str(value.data)
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if value is None or value is pd.NA or value != value:
        return MISSING
    if isinstance(value, (int, float, np.number)):
        return number(value, digits) if digits else f"{value:g}"
    return verdict(value) if value in VERDICTS else breakable(str(value))


def breakable(text: str) -> str:
    """Escaped text whose long names may be broken before a capital and after an underscore."""
    words = (
        re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=_)", "<wbr>", word) if len(word) > LONG_NAME else word
        for word in html.escape(text).split(" ")
    )
    return " ".join(words)


def verdict(name: str) -> str:
    """A verdict as a coloured label (HTML)."""
    return f'<span class="verdict {name}">{name.replace("_", " ")}</span>'


def several(values: pd.Series, word: str) -> str:
    """How many different values there are, in words: "1 guide", "3 guides"."""
    count = values.nunique()
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def counts(fits: pd.DataFrame, by: Sequence[str] = ("guide",)) -> HTML:
    """How many fits have each verdict, a row for each value of the columns `by`."""
    found = fits.groupby([*by, "verdict"], sort=False).size().unstack(fill_value=0)
    shown = [name for name in ORDER if name in found]
    found = found[shown].assign(all=found.sum(axis=1)).reset_index()
    headings = {name: name.replace("_", " ") for name in (*by, *shown)}
    return table(found, {**headings, "all": "all fits"})


def best(fits: pd.DataFrame) -> HTML:
    """The best setting of every guide: converged and adequate seeds there, medians over its seeds."""
    found = best_settings(fits)
    for name in ("converged", "adequate"):
        share = (found[name] * found["fits"]).round().astype(int).astype(str)
        found[name] = share + " of " + found["fits"].astype(str)
    return _by_setting(
        found,
        {
            "converged": "converged",
            "adequate": "adequate",
            "kl": "KL (nats)",
            "mean_error": "error of mean (sd)",
            "sd_ratio": "ratio of sds",
        },
    )


def smaller_step(fits: pd.DataFrame) -> HTML:
    """What a smaller step size would buy at the best setting of every guide."""
    keys = ["model", "guide", "label", "num_particles", "step_size"]
    forecast = forecast_smaller_step(fits, json.loads(fits.attrs["spec"])["thresholds"])
    found = best_settings(fits)[keys].merge(forecast, on=keys)
    return _by_setting(
        found,
        {
            "pairs": "pairs at rest",
            "kappa": "power",
            "predicted": "lacks, forecast (nats)",
            "measured": "lacks, measured (nats)",
            "halving": "half the step would gain (nats)",
        },
        digits=2,
    )


def _by_setting(found: pd.DataFrame, names: Mapping[str, str], digits: int = 3) -> HTML:
    """A table whose rows are settings: what they are, then the columns `names`."""
    model = {"model": "model"} if found["model"].nunique() > 1 else {}
    setting = {"guide": "guide", "num_particles": "particles", "step_size": "step size"}
    return table(found.astype({"step_size": float}), {**model, **setting, **names}, digits)


def evidence(fits: pd.DataFrame) -> HTML:
    """Fits with their verdicts, the reasons, and the two questions answered apart."""
    names = {
        "fit": "run and guide", "num_particles": "particles", "step_size": "step size",
        "converged": "converged?", "adequate": "adequate?", "verdict": "verdict",
        "reason": "reason",
    }  # fmt: skip
    answers = {True: "yes", False: "no"}
    both = zip(fits["label"], fits["guide"], strict=True)
    shown = fits.assign(
        fit=pd.Series(
            [HTML(f"{breakable(run)}<br>{breakable(guide)}") for run, guide in both],
            index=fits.index,
            dtype=object,
        ),
        converged=[answers.get(value, MISSING) for value in fits["converged"]],
        adequate=[answers.get(value, MISSING) for value in fits["adequate"]],
    )
    return table(shown, names)


def failures(fits: pd.DataFrame) -> HTML | Markdown:
    """The cells that failed, with their messages, and the fits that diverged, by setting."""
    failed = fits[fits["verdict"] == "failed"].drop_duplicates(["model", "guide", "label"])
    diverged = fits[fits["verdict"] == "diverged"]
    keys = ["model", "guide", "label", "step_size"]
    groups = diverged.groupby(keys, sort=False)
    rows = pd.concat(
        [
            failed.assign(what="failed", fits="all", why=failed["message"]),
            groups.agg(fits=("seed", "size"), why=("reason", "first"))
            .reset_index()
            .astype({"fits": str})
            .assign(what="diverged"),
        ]
    )
    if rows.empty:
        return Markdown("No fit failed and none diverged.")
    rows["step_size"] = rows["step_size"].where(rows["what"] == "diverged")
    headings = {
        "what": "verdict", "model": "model", "guide": "guide", "label": "label",
        "step_size": "step size", "fits": "fits", "why": "message or reason",
    }  # fmt: skip
    return table(rows, headings)


def calibration(results: Results) -> HTML:
    """The tests of calibration, a row an entry and parameter."""
    tests = results.calibration()
    several = {"model": "model"} if tests["model"].nunique() > 1 else {}
    why = {"message": "message"} if "message" in tests else {}
    settings = [
        HTML(
            f"{row.num_particles} particle{'s' * (row.num_particles != 1)}, "
            f"step size {row.step_size:g}<br>"
            f"{row.num_steps:,} steps, {row.simulations:,} simulations"
        )
        for row in tests.itertuples()
    ]
    tests["setting"] = pd.Series(settings, index=tests.index, dtype=object)
    headings = {
        "name": "entry", **several, "guide": "guide", "setting": "setting",
        "parameter": "parameter", "finding": "finding", "symmetry_holm": "p, symmetry",
        "uniformity_holm": "p, uniformity", "mean": "mean (0.5)", "spread": "spread (1)", **why,
    }  # fmt: skip
    return table(tests, {name: heading for name, heading in headings.items() if name in tests})


def verification(results: Results, only_differing: bool = False) -> HTML | Markdown:
    """Comparison with published and exact values, or the part of it that is out of tolerance."""
    compared = results.verification()
    if compared.empty:
        return Markdown("There is no table of published or exact values for this experiment.")
    good = compared["ok"].astype(bool)
    if only_differing:
        if good.all():
            return Markdown(f"All {len(compared)} compared values are within tolerance.")
        compared, good = compared[~good], good[~good]
    headings = {
        "ok": "within?", "name": "quantity", "kind": "kind", "expected": "expected",
        "tolerance": "tolerance", "value": "this run", "basis": "source; why this tolerance",
    }  # fmt: skip
    shown = compared.assign(
        expected=[_number_or_text(v) for v in compared["expected"]],
        basis=compared["source"] + "; " + compared["why"],
    )
    shown["ok"] = pd.Series([HTML(_mark(ok)) for ok in good], index=shown.index, dtype=object)
    return table(shown, headings, digits=6)


def _mark(ok: bool) -> str:
    return f'<span class="{"within" if ok else "out"}">{"yes" if ok else "no"}</span>'


def _number_or_text(value) -> str:
    try:
        return f"{float(value):.8g}".replace("-", MINUS)
    except ValueError:
        return str(value).replace("_", " ")


def provenance(results: Results) -> HTML:
    """Where the numbers come from: data, reference, device, package versions, cost."""
    fits = results.table()
    model, guide, run = fits.iloc[0][["model", "guide", "label"]]
    first = results.fit(model, guide, run).attrs
    spec = json.loads(first["spec"])
    seconds = fits["seconds"].sum() if "seconds" in fits else np.nan
    versions = json.loads(first["versions"])
    rows = {
        "problem": results.data().attrs.get("source", results.experiment),
        "reference posterior": results.reference(model).attrs.get("method", "none"),
        "fits": f"{len(fits):,} in {len(fits.drop_duplicates(['model', 'guide', 'label']))} cells",
        "time of optimisation": f"{number(float(seconds))} s in all",
        "device": first["device"],
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "code digest of the fits": spec["code"]["digest"],
    }
    return table(pd.DataFrame({"what": rows.keys(), "value": rows.values()}))


def rerun(
    results: Results,
    page: str = "",
    *,
    settable: str = "Guides, step sizes, particle counts and seeds",
    more: str | None = None,
) -> Markdown:
    """The command that makes the experiment's page, or a further `page`, with more words.

    They are `more`, or, if it is None, where what is `settable` is set.
    """
    path = results.layout.page(page or results.experiment)
    if more is None:
        file = f"config/experiments/{results.experiment}.yaml"
        more = f"Only what has changed runs again. {settable} are set in `{file}`."
    return say(f"This page and all it needs: `snakemake --cores 2 {path}`. {more}".strip())


def downloads(results: Results) -> HTML:
    """Links to the data behind the page, relative to the report folder."""
    files = {
        "fits.csv": "one row a fit, with its verdict",
        "fits.parquet": "the same for pandas",
        "verification.csv": "comparison with published and exact values",
        "data.nc": "the data",
        "reference.nc": "the reference posterior",
    }
    items = "".join(
        f'<li><a href="../{results.experiment}/{name}">{name}</a>: {what}</li>'
        for name, what in files.items()
    )
    return HTML(f"<ul>{items}</ul>")
