"""Exact facts are for figures and analyses too, which know nothing of JAX."""

import subprocess
import sys
from pathlib import Path

import pytest

import svi_atlas.problems

FOLDER = Path(svi_atlas.problems.__file__).parent
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/exact.py"))


def test_some_problems_have_exact_facts():
    assert {"coin", "bimodal", "rotated_gaussian", "factor_thread"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_exact_facts_load_no_jax(name):
    code = f"""
import sys
import svi_atlas.problems.{name}.exact
loaded = {{"jax", "numpyro", "matplotlib", "scipy.stats"}} & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(FOLDER.parent.parent)}
    )
