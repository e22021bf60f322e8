"""Runs a text notebook with this Python and keeps nothing in it that changes from run to run."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import papermill

KERNEL = "svi_atlas"
TIMEOUT = 600
"""Seconds a cell may take."""


def execute(source: Path, target: Path, parameters: Mapping[str, Any]) -> None:
    """Run the text notebook `source` (jupytext percent format) and write it as `target` (.ipynb).

    parameters: replace those of the cell tagged `parameters`. The notebook runs in the current
    directory, in the running Python. Raises papermill.PapermillExecutionError if a cell raises.
    """
    notebook = jupytext.read(source)
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


@contextmanager
def _private_jupyter(folder: Path) -> Iterator[None]:
    """A Jupyter of our own in `folder`, whatever is installed or configured elsewhere."""
    kernel = folder / "kernels" / KERNEL
    kernel.mkdir(parents=True)
    command = [
        sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}",
        "--HistoryManager.enabled=False",
    ]  # fmt: skip
    spec = {"argv": command, "display_name": KERNEL, "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    ours = {
        "JUPYTER_PATH": str(folder),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
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
