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
    """Those of two heavy experiments are drawn from planted tables, in tests/unit/analysis."""
    planted = {name for name in figures() if name.startswith(("arrival.", "verdict_study."))}
    assert {name for _, name in SHOWN} == set(figures()) - planted


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


def draw(specs, name):
    """The figure of an experiment, from results read anew."""
    module = figures()[name].module
    (spec,) = [
        spec for spec in specs.values() if spec["stage"] == "figure" and spec["module"] == module
    ]
    arguments = {key: load(source, spec["inputs"]) for key, source in spec["arguments"].items()}
    return importlib.import_module(f"svi_atlas.{module}").draw(**arguments)


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("experiment", "name"), SHOWN)
def test_a_figure_draws(tiny, experiment, name, variant):
    figure = draw(tiny(variant, experiment), name)
    assert isinstance(figure, Figure)
    figure.draw_without_rendering()
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("experiment", "name"), {name: (experiment, name) for experiment, name in SHOWN}.values()
)
def test_equal_results_give_equal_files(tiny, tmp_path, experiment, name):
    contents = []
    for attempt in "ab":
        paths = [tmp_path / f"{attempt}.{suffix}" for suffix in ("svg", "png")]
        save(draw(tiny("two seeds", experiment), name), *paths)
        contents.append([path.read_bytes() for path in paths])
    assert contents[0] == contents[1]
