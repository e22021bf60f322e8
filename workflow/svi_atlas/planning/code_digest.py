"""What a job depends on: its canonical spec and the digest of the code it uses.

A spec changes exactly when the job's result may: comments, docstrings, formatting, key order and
file times are not part of it.
"""

from __future__ import annotations

import ast
import contextlib
import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import grimp

from svi_atlas.errors import InputError
from svi_atlas.locations import PACKAGE, PROJECT
from svi_atlas.planning.job_spec import canonical_json, digest, write_if_changed

LOCK = PROJECT / "envs" / "cpu.txt"


DISTRIBUTIONS = {"markdown_it": "markdown_it_py", "yaml": "pyyaml"}
"""Packages whose import name is not the name they are installed by."""


def code_digest(*modules: str, files: tuple[str, ...] = ()) -> dict[str, Any]:
    """Digest of the code behind `modules` (names inside the package, such as "jobs.stages.fit").

    It covers every module in their static import closure, the Python `files` given (a user's
    problem) with the modules they import from their own folder, and the pinned versions of the
    packages all of these import.
    """
    names = set().union(*(_closure(f"{PACKAGE.name}.{module}") for module in modules))
    sources = {name: _module_digest(name) for name in names}
    imported = set().union(*(_graph_imports(name) for name in names))
    for file in map(str, _local_closure(tuple(files))):
        sources[file] = _file_digest(file)
        imported |= _packages_in(Path(file))
    text = "".join(f"{name} {found}\n" for name, found in sorted(sources.items()))
    return {"digest": digest(text), "packages": _pinned(imported)}


def own_imports(file: Path) -> list[str]:
    """Modules of the library that a Python file imports, by their names inside the package."""
    names = set()
    for node in ast.walk(syntax_tree(str(file))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    inside = {name for name in names if name.startswith(f"{PACKAGE.name}.")}
    return sorted(name.split(".", 1)[1] for name in inside & _graph().modules)


def text_digest(*paths: str | Path) -> str:
    """Digest of files where every character counts (notebooks, templates, tables)."""
    return digest("".join(digest(_read(Path(path))) for path in paths))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None


@cache
def _graph() -> grimp.ImportGraph:
    return grimp.build_graph(
        PACKAGE.name,
        include_external_packages=True,
        cache_dir=None,
        exclude_type_checking_imports=True,
    )


@cache
def _closure(module: str) -> frozenset[str]:
    graph = _graph()
    if module not in graph.modules:
        raise InputError(f"there is no module {module} in the library")
    found = graph.find_upstream_modules(module) | {module}
    found = {name for name in found if name.split(".")[0] == PACKAGE.name}
    parents = {
        name.rsplit(".", depth)[0] for name in found for depth in range(1, name.count(".") + 1)
    }
    extra = parents - found
    return frozenset(found | extra).union(*(_closure(name) for name in extra))


@cache
def _graph_imports(module: str) -> frozenset[str]:
    graph = _graph()
    return frozenset(
        name.split(".")[0]
        for name in graph.find_modules_directly_imported_by(module)
        if name.split(".")[0] != PACKAGE.name
    )


@cache
def _module_digest(name: str) -> str:
    base = PACKAGE.parent.joinpath(*name.split("."))
    return _file_digest(str(base / "__init__.py" if base.is_dir() else base.with_suffix(".py")))


@cache
def syntax_tree(file: str) -> ast.Module:
    try:
        return ast.parse(_read(Path(file)), filename=file)
    except SyntaxError as error:
        raise InputError(f"{file}: line {error.lineno}: not valid Python: {error.msg}") from None


@cache
def _file_digest(file: str) -> str:
    text = _read(Path(file))
    key = digest("\n".join([sys.version, _read(Path(__file__)), text]))
    if key not in _digests:
        _digests[key] = _code_digest(file)
    _used.add(key)
    return _digests[key]


def _code_digest(file: str) -> str:
    tree = ast.parse(ast.unparse(syntax_tree(file)))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [line for line in body if not _is_text(line)] or [ast.Pass()]
    return digest(ast.unparse(tree))


_digests: dict[str, str] = {}
_used: set[str] = set()


def load_digests(path: str | Path) -> None:
    """Take over the digests that an earlier process worked out, by the text they are of.

    Working them out takes seconds, which each job on a cluster would spend.
    """
    with contextlib.suppress(FileNotFoundError, ValueError):
        _digests.update(json.loads(Path(path).read_text()))


def save_digests(path: str | Path) -> None:
    """Write the digests that this process used."""
    write_if_changed(path, canonical_json({key: _digests[key] for key in _used}))


def _is_text(node: ast.stmt) -> bool:
    """Whether it is a docstring, of a function or of the constant above it."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _imports(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def _packages_in(file: Path) -> set[str]:
    return _imports(syntax_tree(str(file)))


def _local_closure(files: tuple[str, ...]) -> list[Path]:
    """The files and the modules beside them that they import, directly or through each other.

    A package (a folder) beside them counts as a whole.
    """
    todo, found = [(Path(file), Path(file).parent) for file in files], set()
    while todo:
        file, folder = todo.pop()
        if file in found:
            continue
        found.add(file)
        for name in _packages_in(file):
            module = folder / f"{name}.py"
            paths = [module] if module.exists() else (folder / name).rglob("*.py")
            todo += [(path, folder) for path in paths]
    return sorted(found)


@cache
def _lock() -> dict[str, str]:
    pinned = re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", _read(LOCK), flags=re.MULTILINE)
    return {name.lower().replace("-", "_"): version for name, version in pinned}


def _pinned(imported: set[str]) -> dict[str, str]:
    """Versions, from the lock file, of the imported packages; jax brings its compiled half along."""
    names = {DISTRIBUTIONS.get(name, name) for name in imported}
    names |= {"jaxlib"} if "jax" in imported else set()
    return {name: _lock()[name] for name in sorted(names) if name in _lock()}
