"""Jobs of the tiny configuration by name: `coin/figure/loss` is the job of `coin/specs/figure/loss.json`."""

CELLS = {
    "coin": {"headstails/normal/particles-8", "headstails/normal/single"},
    "line": {"line/wide/particles-1", "line/AutoNormal/particles-1"},
}

FIGURES = {"coin": {"loss", "verdicts"}, "line": {"verdicts"}}
"""All but the figure of simulation-based calibration."""

OF_THE_TABLE = {"experiment", "general.index", "general.pages", "general.posterior"}
"""Modules of analyses that read the table of fits, in every experiment."""

ANALYSES = {"coin": OF_THE_TABLE | {"general.losses"}, "line": OF_THE_TABLE}
"""All but the module of simulation-based calibration."""

INDEX = {"report/page/index"}

SBC_SHOWN = {"line/analyse/general.sbc", "line/figure/sbc"}

SBC = {"line/sbc_refit/wide", "line/sbc"} | SBC_SHOWN
"""Jobs of the simulation-based calibration; the page follows."""


def fits(experiment, cells=None):
    """The fits of all cells, or of some."""
    return _of_cells(experiment, "fit", cells)


def diagnoses(experiment, cells=None):
    return _of_cells(experiment, "diagnose", cells)


def _of_cells(experiment, stage, cells):
    return {f"{experiment}/{stage}/{cell}" for cell in cells or CELLS[experiment]}


def analyses(experiment, names):
    return {f"{experiment}/analyse/{name}" for name in names}


def figures(experiment, names):
    """Figures of an experiment and its page."""
    return {f"{experiment}/figure/{name}" for name in names} | page(experiment)


def page(experiment):
    return {f"{experiment}/notebook/experiment", f"report/page/{experiment}"}


def after_diagnoses(*experiments):
    """What follows when a statistic or a threshold changes."""
    jobs = set(INDEX)
    for experiment in experiments:
        jobs |= {f"{experiment}/table", f"{experiment}/compare"}
        jobs |= analyses(experiment, ANALYSES[experiment])
        jobs |= figures(experiment, FIGURES[experiment])
    return jobs


def after_fits(experiment, cells=None):
    """The fits of some cells and what follows."""
    return fits(experiment, cells) | diagnoses(experiment, cells) | after_diagnoses(experiment)


def everything(experiment):
    """Every job of an experiment."""
    sbc = SBC if experiment == "line" else set()
    return after_fits(experiment) | {f"{experiment}/data", f"{experiment}/reference"} | sbc
