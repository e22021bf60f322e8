"""Every figure keeps the contract: it draws the results of each experiment that shows it, and only draws."""

import importlib
import subprocess
import sys

import pytest
import tiny_run
from matplotlib.figure import Figure
from tiny_run import VARIANTS

from svi_atlas.planning.plugins import analyses, figures
from svi_atlas.plots._style import save
from svi_atlas.results.inputs import load

SHOWN = [
    (experiment, name)
    for experiment in tiny_run.experiments_shown()
    for name in tiny_run.figures_of(experiment)
]


def test_every_figure_is_shown_by_a_shipped_experiment():
    assert {name for _, name in SHOWN} == set(figures())


@pytest.mark.parametrize("name", figures())
def test_the_caption_is_written_out(name):
    caption = figures()[name].caption
    assert isinstance(caption, str)
    assert caption.endswith("."), "a caption is a literal of whole sentences"


def test_analyses_and_figures_need_no_jax():
    plugins = [*analyses().values(), *figures().values()]
    modules = sorted({f"svi_atlas.{plugin.module}" for plugin in plugins})
    code = f"import sys, {', '.join(modules)}; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("experiment", "name"), SHOWN)
def test_a_figure_draws_and_equal_results_give_equal_files(
    tiny, tmp_path, experiment, name, variant
):
    (spec,) = [
        spec
        for spec in tiny(variant, experiment).values()
        if spec["stage"] == "figure" and spec["module"] == figures()[name].module
    ]
    module = importlib.import_module(f"svi_atlas.{spec['module']}")
    contents = []
    for attempt in "ab":
        arguments = {key: load(source, spec["inputs"]) for key, source in spec["arguments"].items()}
        figure = module.draw(**arguments)
        assert isinstance(figure, Figure)
        paths = [tmp_path / f"{attempt}.{suffix}" for suffix in ("svg", "png")]
        save(figure, *paths)
        contents.append([path.read_bytes() for path in paths])
    assert contents[0] == contents[1]
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()
