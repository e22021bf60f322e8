"""Tables of the report as HTML."""

import nbformat
import pandas as pd

from svi_atlas.report import show as nb
from svi_atlas.report.page import contents
from svi_atlas.results.store import Results


def test_long_names_may_be_broken():
    assert nb.breakable("AutoLaplaceApproximation") == "Auto<wbr>Laplace<wbr>Approximation"
    assert nb.breakable("truncated_normal fits") == "truncated_<wbr>normal fits"
    assert nb.breakable("AutoNormal <b>") == "AutoNormal &lt;b&gt;"


def test_every_cell_carries_its_heading():
    shown = nb.table(pd.DataFrame({"a": [1.5], "b": ["x"]}), {"a": 'an "a"', "b": "b"}).data
    assert 'data-heading="an &quot;a&quot;">1.50<' in shown
    assert 'data-heading="b">x<' in shown


def test_only_tables_of_several_columns_with_long_texts_are_shown_row_by_row():
    long, wide = "word " * 20, {"a": [1], "b": [2]}
    assert 'class="texts"' in nb.table(pd.DataFrame({**wide, "c": [long]})).data
    assert 'class="texts"' not in nb.table(pd.DataFrame({"a": [1], "c": [long]})).data
    assert 'class="texts"' not in nb.table(pd.DataFrame({**wide, "c": ["short"]})).data


def test_evidence_names_run_and_guide_in_one_cell():
    fits = pd.DataFrame(
        {
            "label": ["origin"], "guide": ["beta"], "num_particles": [1], "step_size": [5e-4],
            "converged": [False], "adequate": [True], "verdict": ["not_converged"],
            "reason": ["it drifts"],
        }
    )  # fmt: skip
    shown = nb.evidence(fits).data
    assert "origin<br>beta" in shown
    assert "not converged" in shown


def test_rerun_gives_the_command_and_where_the_settings_are():
    found = Results("results", "coin")
    assert nb.rerun(found).data == (
        "This page and all it needs: `snakemake --cores 2 results/report/coin.html`. Only what has "
        "changed runs again. Guides, step sizes, particle counts and seeds are set in "
        "`config/experiments/coin.yaml`."
    )
    assert nb.rerun(found, "coin-theory", more="").data == (
        "This page and all it needs: `snakemake --cores 2 results/report/coin-theory.html`."
    )


def test_contents_list_headings_written_and_displayed():
    shown = nbformat.v4.new_output("display_data", {"text/markdown": "## Displayed\n\nText."})
    cells = [
        nbformat.v4.new_markdown_cell("# Title\n\n## Written"),
        nbformat.v4.new_code_cell("say()", outputs=[shown]),
    ]
    found = contents(nbformat.v4.new_notebook(cells=cells))
    assert found == [("written", "Written"), ("displayed", "Displayed")]


def test_where_every_fit_failed_the_forecast_is_an_empty_table():
    fits = pd.DataFrame(
        {
            "model": "m", "guide": "g", "block": "grid", "label": "particles-1", "num_particles": 1,
            "step_size": [0.1, 0.2], "seed": 1, "verdict": "failed", "message": "ValueError",
        }
    )  # fmt: skip
    fits.attrs["spec"] = '{"thresholds": {"rhat": 1.1, "elbo_gap": 0.0005}}'
    assert "<tbody></tbody>" in nb.smaller_step(fits).data
