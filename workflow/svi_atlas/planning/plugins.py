"""Analyses, figures and notebooks: found in their folders, with the inputs that they declare.

Nothing is imported: an analysis and the `draw` of a figure name their inputs by their parameters,
a notebook by the literal names in its calls of `page.figure(...)`, `page.table(...)` and
`page.section(...)`, and all three are read from the source.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from svi_atlas.errors import InputError
from svi_atlas.locations import PACKAGE
from svi_atlas.planning.code_digest import syntax_tree

RESULTS = (
    "table",
    "data",
    "reference",
    "fits",
    "searches",
    "thresholds",
    "verification",
    "rates",
    "pooled",
    "sbc",
    "sbc_ranks",
    "nuts",
)
"""Inputs that are results of other stages; every other input is an analysis."""

GENERAL = "general"
"""The group of the analyses that serve every experiment."""

Selection = Mapping[str, list[str]] | str
"""Cells whose `model`, `guide` and `label` match one of the wildcards for each; or "first"."""


@dataclass(frozen=True)
class Plugin:
    """An analysis or a figure.

    Attributes
    ----------
    name
        `group.name`, such as `coin.density`; figures for every experiment have no group.
    module
        Module below `svi_atlas`.
    inputs
        Global names of its inputs, by the parameter that receives each.
    fits
        For an analysis that reads fits: which cells.
    caption
        Of a figure.
    """

    name: str
    module: str
    inputs: dict[str, str]
    fits: Selection = field(default_factory=dict)
    caption: str = ""


@cache
def analyses() -> dict[str, Plugin]:
    """Every analysis: a public function of a module in `analysis/`, by `group.function`."""
    functions = {}
    for file, module in _modules("analysis"):
        group = module.split(".")[1]
        tree = syntax_tree(str(file))
        selections = _constant(tree, "FITS", {})
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                functions[f"{group}.{node.name}"] = (module, node, selections.get(node.name, {}))
    return {
        name: Plugin(name, module, _inputs_of(node, name.split(".")[0], functions, module), fits)
        for name, (module, node, fits) in functions.items()
    }


@cache
def analysis_modules() -> dict[str, tuple[str, ...]]:
    """The analyses of each module, which one job makes, by the module's name below `analysis`.

    An analysis comes after those of its module that it reads.
    """
    modules: dict[str, dict[str, Plugin]] = {}
    for name, analysis in analyses().items():
        modules.setdefault(analysis.module.removeprefix("analysis."), {})[name] = analysis
    return {module: tuple(_in_order(members)) for module, members in modules.items()}


def _in_order(members: Mapping[str, Plugin]) -> list[str]:
    graph = {
        name: {source for source in analysis.inputs.values() if source in members}
        for name, analysis in members.items()
    }
    return list(TopologicalSorter(graph).static_order())


@cache
def figures() -> dict[str, Plugin]:
    """Every figure: a module in `plots/` with a function `draw`, by its name below `plots`."""
    found = {}
    for file, module in _modules("plots"):
        tree = syntax_tree(str(file))
        name = module.split(".", 1)[1]
        group = name.split(".")[0] if "." in name else GENERAL
        node = _function(tree, "draw", file)
        caption = _constant(tree, "CAPTION", "")
        found[name] = Plugin(name, module, _inputs_of(node, group, analyses(), module), {}, caption)
    return found


@cache
def sections() -> dict[str, Plugin]:
    """The sections that pages share: public functions of `report/sections.py`."""
    file = PACKAGE / "report" / "sections.py"
    return {
        node.name: Plugin(
            node.name,
            "report.sections",
            _inputs_of(node, GENERAL, analyses(), "report.sections"),
        )
        for node in syntax_tree(str(file)).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }


SECTIONS_OF = {
    "closing": ["comparison", "failed", "provenance_table"],
    "reproduce": ["provenance_table"],
}
"""Sections that methods of `page` without a name show."""


@dataclass(frozen=True)
class NotebookInputs:
    """What a notebook shows: names of figures, analyses and sections."""

    figures: tuple[str, ...]
    tables: tuple[str, ...]
    sections: tuple[str, ...]
    all_figures: bool


def notebook_inputs(file: Path) -> NotebookInputs:
    """The inputs of a text notebook, from its calls of the methods of `page`. Raises InputError."""
    calls: dict[str, list[str]] = {"figure": [], "table": [], "frame": [], "section": []}
    all_figures = False
    for node in ast.walk(syntax_tree(str(file))):
        method = _page_method(node)
        if method == "other_figures":
            all_figures = True
        elif method in SECTIONS_OF:
            calls["section"] += SECTIONS_OF[method]
        elif method in calls:
            assert isinstance(node, ast.Call)
            argument = node.args[0] if node.args else None
            if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
                raise InputError(
                    f"{file}: line {node.lineno}: page.{method} needs a name in quotes, so that the "
                    "workflow knows what the notebook reads"
                )
            calls[method].append(argument.value)
    calls["table"] += calls.pop("frame")
    if f"{file.stem}.facts" in analyses():
        calls["table"].append(f"{file.stem}.facts")
    for kind, known in (("figure", figures()), ("table", analyses()), ("section", sections())):
        for name in calls[kind]:
            if name not in known:
                raise InputError(
                    f"{file}: page.{kind}({name!r}): there is no such {kind}; there are "
                    + ", ".join(sorted(known))
                )
    unique = {kind: tuple(dict.fromkeys(names)) for kind, names in calls.items()}
    return NotebookInputs(unique["figure"], unique["table"], unique["section"], all_figures)


def _page_method(node: ast.AST) -> str:
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "page"
    ):
        return node.func.attr
    return ""


def _modules(package: str) -> list[tuple[Path, str]]:
    """Public modules of a package: (file, module below svi_atlas)."""
    files = sorted((PACKAGE / package).rglob("*.py"))
    return [
        (file, ".".join(file.relative_to(PACKAGE).with_suffix("").parts))
        for file in files
        if not file.stem.startswith("_")
    ]


def _inputs_of(node: ast.FunctionDef, group: str, known: Any, module: str) -> dict[str, str]:
    """The global name behind each parameter: a result, an analysis of the group, or a general one."""
    inputs = {}
    for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
        name = argument.arg
        candidates = [name, f"{group}.{name}", f"{GENERAL}.{name}"]
        names = [
            candidate for candidate in candidates if candidate in RESULTS or candidate in known
        ]
        if not names:
            raise InputError(
                f"svi_atlas.{module}: parameter {name!r} of {node.name} is neither a result "
                f"({', '.join(RESULTS)}) nor an analysis of {group!r} or {GENERAL!r}"
            )
        inputs[name] = names[0]
    return inputs


def _function(tree: ast.Module, name: str, file: Path) -> ast.FunctionDef:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node
    raise InputError(f"{file}: a figure needs a function {name}(...) -> Figure")


def _constant(tree: ast.Module, name: str, default: Any) -> Any:
    """The value of a constant of a module that is written as a literal."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == name for target in node.targets
        ):
            return ast.literal_eval(node.value)
    return default
