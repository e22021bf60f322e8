"""The index of the report: the answers first, then the experiments."""

from __future__ import annotations

import html as escape
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader

from svi_atlas.formatting import MISSING, count_of, humanise
from svi_atlas.judgement.verdict import VERDICTS
from svi_atlas.report import html
from svi_atlas.report.downloads import downloads
from svi_atlas.report.page import FOLDER, page_resources, to_html
from svi_atlas.report.sections import comparison_table
from svi_atlas.results.inputs import load

MEANINGS = {
    "adequate": "converged and close to the posterior",
    "inadequate": "converged, but not close to the posterior",
    "not_converged": "still drifting, or jumping about the optimum",
    "diverged": "losses or parameters are not finite, or the loss falls without bound",
    "failed": "the model or the guide raised an error; its message is kept",
}


def make_index(
    experiments: Sequence[Mapping[str, Any]],
    inputs: Mapping[str, Mapping[str, Any]],
    target: Path,
) -> None:
    """Write the index.

    Parameters
    ----------
    experiments
        Name, title, lead figure with its caption, and further pages of each experiment, in order.
    inputs
        The files of each experiment by input.
    """
    environment = Environment(loader=FileSystemLoader(FOLDER))
    entries = [_entry(experiment, inputs[experiment["name"]]) for experiment in experiments]
    text = environment.get_template("index.html.j2").render(
        resources=page_resources("SVI Atlas", "index"),
        experiments=entries,
        overview=_overview(entries),
        total=f"{sum(len(entry['table']) for entry in entries):,}",
        verdicts={html.verdict(name): MEANINGS[name] for name in VERDICTS[::-1]},
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
    rows = []
    for entry in entries:
        counts = entry["table"]["verdict"].value_counts()
        compared = entry["verification"]
        within = count_of(compared["ok"].sum(), len(compared)) if len(compared) else MISSING
        link = f'<a href="{entry["name"]}.html">{escape.escape(entry["title"])}</a>'
        cells = [f"{counts.get(verdict, 0):,}" for verdict in VERDICTS[::-1]]
        numbers = "".join(
            f'<td class="number" data-heading="{heading}">{cell}</td>'
            for heading, cell in zip(_HEADINGS, [*cells, f"{len(entry['table']):,}"], strict=True)
        )
        rows.append(
            f'<tr><td data-heading="experiment">{link}</td>{numbers}'
            f'<td data-heading="values within tolerance">{within}</td></tr>'
        )
    headings = ["experiment", *_HEADINGS, "published and exact values within tolerance"]
    head = "".join(f'<th scope="col">{heading}</th>' for heading in headings)
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


_HEADINGS = [*map(humanise, VERDICTS[::-1]), "all fits"]


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
