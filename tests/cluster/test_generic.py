"""The profile for any cluster, with a submit command that starts jobs on this machine."""

from pathlib import Path

import pytest

from support import jobs_in

SUBMIT = Path(__file__).parent / "submit"


@pytest.mark.slow
def test_a_run_through_a_submit_command(unfinished, tmp_path):
    project = unfinished.copy(tmp_path / "project")
    project.edit("config/experiments/coin.yaml", "[0.003, 0.01]", "[0.01]")
    arguments = (
        "--profile", "profiles/generic", "--cluster-generic-submit-cmd", str(SUBMIT),
        "--latency-wait", "30", "--jobs", "2", "results/coin/fits.csv",
    )  # fmt: skip
    planned = jobs_in(project.snakemake("--dry-run", "--printshellcmds", *arguments).stdout)
    assert "coin/fit/headstails/normal/single" in planned
    process = project.snakemake(*arguments)
    assert process.returncode == 0, process.stdout
    assert process.stdout.count("Submitted job") == len(planned)
    assert project.planned("results/coin/fits.csv") == set()
