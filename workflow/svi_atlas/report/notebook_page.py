"""What a notebook shows of a run: figures, tables and sections by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
from IPython.display import HTML, Markdown, display

from svi_atlas.report import html, sections
from svi_atlas.report.downloads import downloads
from svi_atlas.results.inputs import load


class Page:
    """The results that a notebook was given, shown by name.

    Each name is written in quotes in the notebook, so that the workflow can read from the text what
    the notebook needs. What the experiment does not have (a figure that it does not ask for) is
    left out.

    Parameters
    ----------
    spec
        The spec of the notebook, such as `results/coin/specs/notebook/coin.json`.
    """

    def __init__(self, spec: str | Path):
        self._spec: dict[str, Any] = json.loads(Path(spec).read_text())
        self._inputs = self._spec["inputs"]

    def figure(self, name: str) -> None:
        """Show a figure with its caption; a click opens it as PNG."""
        if name in self._inputs["figures"]:
            image = Path(self._inputs["figures"][name])
            link = f"../{self._spec['experiment']}/figures/{name}.png"
            display(HTML(html.figure(image, name, self._spec["captions"][name], link)))

    def other_figures(self) -> None:
        """Show the experiment's figures that no notebook shows by name."""
        for name in self._spec["other_figures"]:
            self.figure(name)

    def table(self, name: str, digits: int = 3) -> None:
        """Show the table of an analysis, with `digits` significant digits, unless it is empty."""
        if name in self._inputs and not (frame := self.frame(name)).empty:
            display(HTML(html.table(frame, digits)))

    def frame(self, name: str) -> pd.DataFrame:
        """The table of an analysis."""
        return load(name, self._inputs)

    def section(self, name: str) -> None:
        """Show a section that pages share (see `svi_atlas.report.sections`)."""
        if name in self._spec["sections"]:
            inputs = self._spec["sections"][name]
            arguments = {
                argument: load(source, self._inputs) for argument, source in inputs.items()
            }
            display(*getattr(sections, name)(**arguments))

    def closing(self) -> None:
        """Show how the page of an experiment ends.

        With the comparison with known values, what failed, the experiment's other pages, how to
        reproduce this one, and where its numbers come from.
        """
        display(Markdown("## Comparison with published and exact values"))
        self.section("comparison")
        display(Markdown("## What failed or diverged"))
        self.section("failed")
        self.reproduce()

    def other_pages(self) -> None:
        """Show links to the experiment's other pages, if it has any."""
        if links := [f"- [{title}]({page}.html)" for page, title in self._spec.get("pages", [])]:
            display(Markdown("\n".join(["## More on this experiment", "", *links])))

    def reproduce(self) -> None:
        """Show the experiment's other pages, the command that makes this one, and the files behind it."""
        self.other_pages()
        experiment, path = self._spec["experiment"], self._spec["page"]
        display(
            Markdown(
                "## Reproduce and reuse\n\n"
                f"This page and all it needs: `snakemake --cores 2 {path}`. Only what has changed runs "
                f"again. The settings are in `config/experiments/{experiment}.yaml`."
            )
        )
        display(HTML(downloads(experiment)))
        self.section("provenance_table")
