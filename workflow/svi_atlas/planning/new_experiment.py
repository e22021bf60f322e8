"""A problem and an experiment to start from, which run as they are."""

from __future__ import annotations

import os
import re
from pathlib import Path

from svi_atlas.errors import InputError

MODEL = '''\
"""How {y} depends on {x}: replace this model with your own.

The parameters of a model are named after the data it takes: the columns of {data_file}. Those that it
observes are None by default, so that it can also draw them.
"""

import numpyro
import numpyro.distributions as dist


def model({x}, {y}=None):
    level = numpyro.sample("level", dist.Normal(0.0, 10.0))
    slope = numpyro.sample("slope", dist.Normal(0.0, 10.0))
    noise = numpyro.sample("noise", dist.HalfNormal(5.0))
    numpyro.sample("{y}", dist.Normal(level + slope * {x}, noise), obs={y})
'''

EXPERIMENT = """\
title: {title}
problem: {problem}
data_files: [{data_file}]
# Without `grid` or `search` the guide, the step size and the number of particles are searched for.
# config/README.md explains every key.
"""

TABLE = """\
x,y
0,1.3
1,2.6
2,4.4
3,5.2
4,7.3
5,8.1
6,10.2
7,11.4
8,12.5
9,14.6
"""
"""Made up."""

FOLDER = "my_models"


def new_experiment(name: str, data_file: str | None = None) -> list[Path]:
    """Write a model, its data and its experiment below the working directory.

    Parameters
    ----------
    name
        Of the experiment: letters, digits and underscores.
    data_file
        A CSV file with two columns or more, of which the first and the last become the data of the model to start
        from; without one a table is made up.

    Returns
    -------
    The files that were written.

    Raises
    ------
    InputError
        If the name cannot be used, a file exists already, or there is no such data file.
    """
    if not re.fullmatch(r"[A-Za-z]\w*", name):
        raise InputError(
            f"new: {name!r} cannot be the name of an experiment; begin with a letter, and use letters, digits and "
            "underscores"
        )
    own = Path(FOLDER) / f"{name}.csv"
    table = Path(data_file) if data_file else own
    if data_file and not table.is_file():
        raise InputError(f"new: there is no file {data_file}; give a path relative to {Path.cwd()}")
    x, y = _columns(table) if data_file else ("x", "y")
    model, experiment = Path(FOLDER) / f"{name}.py", Path("config/experiments") / f"{name}.yaml"
    contents = {
        model: MODEL.format(x=x, y=y, data_file=table.name),
        experiment: EXPERIMENT.format(
            title=name.replace("_", " ").capitalize(),
            problem=model.as_posix(),
            data_file=Path(os.path.relpath(table, experiment.parent)).as_posix(),
        ),
    }
    if not data_file:
        contents[own] = TABLE
    if existing := [str(path) for path in contents if path.exists()]:
        raise InputError(f"new: {', '.join(existing)} exists already; choose another name")
    for path, text in contents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return list(contents)


def _columns(table: Path) -> tuple[str, str]:
    """The first and the last column, as far as their names can be those of parameters."""
    with table.open() as lines:
        header = re.split(r"[,;\t|]", lines.readline().strip())
    names = [text.strip().strip('"') for text in header]
    usable = [name for name in names if name.isidentifier()]
    if len(usable) < 2:
        raise InputError(
            f"new: {table} has the columns {', '.join(names)}; at least two of them must have names that Python "
            "takes for parameters, of letters, digits and underscores"
        )
    return usable[0], usable[-1]
