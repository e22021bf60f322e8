"""Runs a text notebook with this Python and keeps nothing in it that changes from run to run."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import papermill

from svi_atlas.errors import InputProblem, refuse

KERNEL = "svi_atlas"
TIMEOUT = 600
"""Seconds that a cell may take."""

SLOT = re.compile(r"\{\{ (\w+) \}\}")
"""A place in the text for a fact of the run: `{{ name }}`, with the spaces, which LaTeX's braces lack."""

MARKS = re.compile(r"[\s|>#*+-]*(\d+[.)])?[\s|]*")
"""What a line of Markdown has besides its text: marks of headings, lists, quotations and tables."""


def execute(
    source: Path, target: Path, parameters: Mapping[str, Any], facts: Mapping[str, str]
) -> None:
    """Run a text notebook (jupytext percent format) and write it as an .ipynb file.

    The notebook runs in the current directory, in the running Python.

    Parameters
    ----------
    source, target
        The text notebook, and the file to write.
    parameters
        Replace those of the cell tagged `parameters`.
    facts
        Texts that replace the slots `{{ name }}` of Markdown cells.

    Raises
    ------
    InputError
        If the text has a slot without a fact.
    papermill.PapermillExecutionError
        If a cell raises.
    """
    notebook = jupytext.read(source)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = fill_slots(cell.source, facts, source)
    with tempfile.TemporaryDirectory() as folder, _private_jupyter(Path(folder)):
        text = Path(folder) / "source.ipynb"
        nbformat.write(notebook, text)
        executed = papermill.execute_notebook(
            str(text),
            None,
            dict(parameters),
            kernel_name=KERNEL,
            language="python",
            progress_bar=False,
            execution_timeout=TIMEOUT,
        )
    nbformat.write(_without_traces(executed), target)


def fill_slots(text: str, facts: Mapping[str, str], where: Path) -> str:
    """The text with its slots filled in.

    A line that consists only of empty slots is left out, with its mark of a list or a heading.

    Parameters
    ----------
    text
        Markdown with slots `{{ name }}`, also inside tables and formulas.
    facts
        The text of each slot.
    where
        The notebook, for messages.

    Raises
    ------
    InputError
        Names every slot that has no fact.
    """
    refuse(_no_such_fact(name, facts, where) for name in SLOT.findall(text) if name not in facts)
    lines = [line for line in text.split("\n") if not _is_empty(line, facts)]
    return "\n".join(SLOT.sub(lambda slot: facts[slot[1]], line) for line in lines)


def _no_such_fact(name: str, facts: Mapping[str, str], where: Path) -> InputProblem:
    text = (
        f"{where}: there is no fact for the slot {{{{ {name} }}}}; the analysis "
        f"`{where.stem}.facts` gives {', '.join(sorted(facts))}"
    )
    return InputProblem("unknown_slot", str(where), name, text)


def _is_empty(line: str, facts: Mapping[str, str]) -> bool:
    """Whether a line has slots, and nothing but marks when they are filled in."""
    slots = SLOT.findall(line)
    return (
        bool(slots)
        and not any(facts[name].strip() for name in slots)
        and MARKS.fullmatch(SLOT.sub("", line)) is not None
    )


@contextmanager
def _private_jupyter(folder: Path) -> Iterator[None]:
    """A Jupyter of its own in `folder`, whatever is installed or configured elsewhere."""
    kernel = folder / "kernels" / KERNEL
    kernel.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    command.append("--HistoryManager.enabled=False")
    spec = {"argv": command, "display_name": KERNEL, "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    private = {
        "JUPYTER_PATH": str(folder),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    before = {name: os.environ.get(name) for name in private}
    os.environ.update(private)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _without_traces(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Equal inputs give equal bytes: no times, no random ids, no name of a temporary kernel."""
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for index, cell in enumerate(notebook.cells):
        cell.id = f"cell-{index}"
        cell.metadata = nbformat.from_dict({"tags": cell.metadata.get("tags", [])})
    return notebook
