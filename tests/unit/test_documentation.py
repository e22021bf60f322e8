"""The documentation is true as far as a program can tell: paths, modules, commands, keys and code exist."""

import ast
import importlib.util
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest

from support import ROOT
from svi_atlas import problems
from svi_atlas.configuration.load import load_expected, read_experiment
from svi_atlas.inference.posterior import Posterior

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "workflow" / "README.md",
    ROOT / "envs" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

FOLDERS = ("", "workflow", "workflow/rules", "workflow/svi_atlas", "envs")
"""Paths are given relative to one of these or to the folder of the page."""

SUFFIXES = (".py", ".md", ".yaml", ".yml", ".smk", ".txt", ".in", ".toml", ".cff", ".png")

NOT_IN_THE_REPOSITORY = {
    "my_models/warming.py": "a file that the reader writes",
    "config/experiments/warming.yaml": "a file that the reader writes",
    "my_models/temperatures.csv": "a file that the reader has",
    "config/experiments/line.yaml": "a file that the reader copies",
    "diagnostics/median_loss.py": "a file that the reader writes",
    "tests/unit/diagnostics/test_median_loss.py": "a file that the reader writes",
    "exact.py": "a file of each problem",
    "model.py": "a file of each problem",
    "line.py": "named with its folder before",
    "line.yaml": "named with its folder before",
    "line_helper.py": "named with its folder before",
}

WRITTEN_BY_THE_READER = ("svi_atlas.diagnostics.median_loss",)

PRIVATE_PHRASES = (
    r"\bthe origin('s)?\b",
    r"\bmend(s|ed|ing)?\b",
    r"\bwhat is left to gain\b",
    r"\bfor ever\b",
    r"\bof its own accord\b",
    r"\bjudges nothing\b",
    r"\b(row|line|bar|panel|column|job|file|page|seed|test|process) an? (fit|seed|guide|cell|row|job|"
    r"model|experiment|stage|step|setting|parameter|bar|file|problem)\b",
    r"\b(nats|seconds|steps|seeds|fits|bytes|MB|ms|draws) an? (fit|step|seed|guide|cell|parameter|"
    r"replica|setting|row)\b",
)
"""Phrases of a private English that readers would have to decipher, as regular expressions."""

TEXTS = sorted(
    {
        *PAGES,
        ROOT / "CHANGELOG.md",
        ROOT / "config" / "README.md",
        ROOT / "results" / "README.md",
        ROOT / "Makefile",
        *(ROOT / "examples").rglob("*.*"),
        *(ROOT / "config").rglob("*.yaml"),
        *(ROOT / "profiles").rglob("*.yaml"),
        *(ROOT / "notebooks").glob("*.py"),
        *(ROOT / "workflow").rglob("*.smk"),
        *(ROOT / "workflow").rglob("*.rst"),
        *(ROOT / "workflow").rglob("*.j2"),
        *(ROOT / "workflow").rglob("*.py"),
    }
    - set((ROOT / "examples").rglob("*.pyc"))
)


def spans(page):
    """What stands in backticks, outside blocks of code."""
    text = re.sub(r"^( *)```.*?^\1```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"`([^`\n]+)`", text)


def blocks(page, language):
    """Blocks of code of a language, without the indentation of the list they are in."""
    found = re.findall(
        rf"^( *)```{language}\n(.*?)^\1```", page.read_text(), flags=re.DOTALL | re.MULTILINE
    )
    return [textwrap.dedent(code) for _, code in found]


def commands(page):
    """Everything that looks like code: spans, blocks and indented lines."""
    indented = re.findall(r"^    (\S.*)$", page.read_text(), flags=re.MULTILINE)
    return "\n".join([*spans(page), *blocks(page, "bash"), *indented])


def looks_like_a_path(text):
    if re.search(r"[<>*{}$\s]|^results/|^-", text) or "..." in text:
        return False
    return text not in SUFFIXES and text.endswith((*SUFFIXES, "/"))


def exists(path, page):
    return any((folder / path).exists() for folder in (page.parent, *(ROOT / f for f in FOLDERS)))


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_paths_exist(page):
    paths = {text for text in spans(page) if looks_like_a_path(text)} - set(NOT_IN_THE_REPOSITORY)
    written_by_a_run = {
        "costs/",
        "figures/",
        "notebooks/",
        "analysis/",
        "report/",
        "specs/",
        "logs/",
    }
    assert not [path for path in sorted(paths - written_by_a_run) if not exists(path, page)]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=[*NAMES, "CHANGELOG.md"])
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if target.startswith(("http:", "https:")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(), flags=re.MULTILINE)
            slugs = [re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in headings]
            assert anchor in slugs, target


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_modules_and_their_members_exist(page):
    for name in set(re.findall(r"\bsvi_atlas(?:\.[A-Za-z_]\w*)+", page.read_text())):
        if name in WRITTEN_BY_THE_READER:
            continue
        parts = name.split(".")
        modules = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
        found = [module for module in modules if _is_module(module)]
        rest = parts[len(found) :]
        assert len(rest) <= 1, name
        if rest:
            tree = ast.parse(Path(importlib.util.find_spec(found[-1]).origin).read_text())
            defined = {getattr(node, "name", None) for node in tree.body}
            assert rest[0] in defined, name


def _is_module(name):
    path = ROOT / "workflow" / name.replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_targets_of_make_exist(page):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)\b", commands(page))) <= targets


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_configurations_and_profiles_in_commands_exist(page):
    names = re.findall(r"\b(?:config|profiles|envs|tests)/[\w./-]*\w(?![<\w])", commands(page))
    wanted = set(names) - set(NOT_IN_THE_REPOSITORY)
    assert not [path for path in sorted(wanted) if not (ROOT / path).exists()]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_python_blocks_compile(page):
    for code in blocks(page, "python"):
        ast.parse(code)


def test_the_problem_of_the_readme_is_one(tmp_path):
    code, _ = blocks(ROOT / "README.md", "python")  # the other is tested in test_fitting.py
    file = tmp_path / "warming.py"
    file.write_text(code)
    problem = problems.load(str(file))
    search, grid = blocks(ROOT / "README.md", "yaml")
    for text in (search, search + grid):
        path = tmp_path / "warming.yaml"
        path.write_text(text)
        experiment = read_experiment(path)
        assert experiment.problem.endswith(f"/{file.name}")
    data = {"year": np.arange(1960.0, 1970.0), "temperature": np.linspace(8.0, 9.0, 10)}
    posterior = Posterior.from_model(problem.models["model"], data, "the README's model")
    assert posterior.dim == 3


def test_the_expected_values_of_the_recipe_are_accepted(tmp_path):
    (text,) = blocks(ROOT / "CONTRIBUTING.md", "yaml")
    path = tmp_path / "expected.yaml"
    path.write_text(text)
    assert len(load_expected(path, "expected.yaml")) == 1


def test_the_example_is_copied_as_the_readme_says():
    (command,) = [code for code in blocks(ROOT / "README.md", "bash") if "cp " in code]
    for path in re.findall(r"examples/own_model/\w+\.\w+", command):
        assert (ROOT / path).exists()
    assert (
        "problem: examples/own_model/line.py"
        in (ROOT / "examples" / "own_model" / "line.yaml").read_text()
    ), "sed finds nothing to replace"


def readable(path):
    """The parts of a file that a person reads: of library code, strings and comments only."""
    text = path.read_text()
    if path.suffix != ".py" or path.parent.name == "notebooks":
        return text
    comments = re.findall(r"#.*$", text, flags=re.MULTILINE)
    strings = [
        node.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return "\n".join([*comments, *strings])


def test_no_private_phrases():
    found = []
    for path in TEXTS:
        text = re.sub(r"\s+", " ", readable(path))
        for phrase in PRIVATE_PHRASES:
            for match in re.finditer(phrase, text):
                around = text[max(match.start() - 30, 0) : match.end() + 30]
                found.append(f"{path.relative_to(ROOT)}: ... {around} ...")
    assert not found, "\n".join(found)
