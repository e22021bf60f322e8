"""The index of the report: the answers first, then the experiments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader

from svi_atlas.formatting import MISSING, count_of, humanise
from svi_atlas.judgement.recommendation import MIN_ADEQUATE_SHARE, MIN_TIE_SHARE
from svi_atlas.report import html
from svi_atlas.report.comparison import comparison_table
from svi_atlas.report.downloads import downloads
from svi_atlas.report.page import FOLDER, page_resources, to_html
from svi_atlas.results.inputs import load

MEANINGS = {
    "adequate": "converged and close to the posterior",
    "inadequate": "converged, but not close to the posterior",
    "not_converged": "still drifting, or jumping about the optimum",
    "diverged": "losses or parameters are not finite, or the loss falls without bound",
    "failed": "the model or the guide raised an error; its message is kept",
}
"""What each verdict means, from the best to the worst."""


def make_index(
    experiments: Sequence[Mapping[str, Any]],
    inputs: Mapping[str, Mapping[str, Any]],
    target: Path,
) -> None:
    """Write the index.

    Parameters
    ----------
    experiments
        One entry per experiment, in order: `name`, `title`, `lead` (name of its first figure, or None)
        with its `caption`, and `pages` ((page, label) of its further pages).
    inputs
        The files of each experiment, by input.
    target
        The HTML file to write.
    """
    environment = Environment(loader=FileSystemLoader(FOLDER))
    entries = [_entry(experiment, inputs[experiment["name"]]) for experiment in experiments]
    text = environment.get_template("index.html.j2").render(
        resources=page_resources("SVI Atlas", "index"),
        experiments=entries,
        overview=_overview(entries),
        total=f"{sum(len(entry['table']) for entry in entries):,}",
        min_adequate_share=f"{100 * MIN_ADEQUATE_SHARE:.0f} %",
        min_tie_share=f"{100 * MIN_TIE_SHARE:.0f} %",
        verdicts={html.verdict(name): meaning for name, meaning in MEANINGS.items()},
    )
    target.write_text(text)


def _entry(experiment: Mapping[str, Any], files: Mapping[str, Any]) -> dict[str, Any]:
    verification = load("verification", files)
    failures = load("general.diverged_or_failed", files)
    sentences = load("general.advice", files)["sentence"]
    return {
        **experiment,
        "table": load("table", files),
        "verification": verification,
        "advice": [
            to_html(sentence).removeprefix("<p>").removesuffix("</p>\n") for sentence in sentences
        ],
        "by_guide": html.table(load("general.by_guide", files)),
        "figure": _lead(experiment, files),
        "diverged_or_failed": _or_text(failures, "Nothing failed and nothing diverged."),
        "differing": _differing(verification),
        "provenance": html.table(load("general.provenance", files)),
        "downloads": downloads(experiment["name"]),
    }


def _overview(entries: Sequence[Mapping[str, Any]]) -> str:
    """Verdict counts of each experiment, and how many known values it reproduces."""
    rows = []
    for entry in entries:
        counts = entry["table"]["verdict"].value_counts()
        values = entry["verification"]
        within = count_of(values["ok"].sum(), len(values)) if len(values) else MISSING
        rows.append(
            {
                "experiment": entry["title"],
                **{verdict: counts.get(verdict, 0) for verdict in MEANINGS},
                "all": len(entry["table"]),
                "within": within,
            }
        )
    overview = pd.DataFrame(rows)
    overview.attrs["labels"] = {
        "experiment": "experiment",
        **{verdict: humanise(verdict) for verdict in MEANINGS},
        "all": "all fits",
        "within": "published and exact values met",
    }
    return html.table(
        overview, links={entry["title"]: f"{entry['name']}.html" for entry in entries}
    )


def _lead(experiment: Mapping[str, Any], files: Mapping[str, Any]) -> str:
    """The experiment's first figure, if it has any."""
    if not experiment["lead"]:
        return ""
    name, lead = experiment["name"], experiment["lead"]
    more = f'<a href="{name}.html#{lead}">More on the experiment\'s page</a>.'
    link = f"../{name}/figures/{lead}.png"
    return html.figure(Path(files["figure"]), lead, f"{experiment['caption']} {more}", link)


def _differing(verification: pd.DataFrame) -> str:
    if verification.empty:
        return _paragraph("There are no published or exact values for this experiment.")
    within = verification["ok"].astype(bool)
    if within.all():
        return _paragraph(f"All {len(verification)} compared values are within tolerance.")
    return html.table(comparison_table(verification[~within]), digits=6)


def _or_text(frame: pd.DataFrame, text: str) -> str:
    return _paragraph(text) if frame.empty else html.table(frame)


def _paragraph(text: str) -> str:
    return f'<section class="text"><p>{text}</p></section>'
