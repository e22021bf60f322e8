# Helpers shared by the rules: a job's spec, the cells of an experiment, the words at the end.
import re
import shutil
import subprocess


def spec_digest(pattern):
    """Input function: the digest of the spec at this path pattern, as a param beside the file.

    A job on a cluster reads the file, which the main process has written.
    """

    def of(wildcards):
        path = pattern.format(**wildcards)
        if workflow.is_main_process and path not in RUN.specs:
            raise WorkflowError(
                f"{path} is of a cell, figure or page that the configuration does not have (any more); "
                "`snakemake clean_stale` removes what such ones left"
            )
        return digest(Path(path).read_text())

    return of


def times_attempt(amount):
    """A resource of which each further attempt at a job gets as much again."""
    return lambda wildcards, attempt: amount * attempt


def lead_figures(wildcards):
    """The first figure of each experiment, which the index shows."""
    figures = {name: EXPERIMENTS[name].figures[:1] for name in DEFAULT}
    return [
        LAYOUT.figure("svg", name, lead)
        for name, leads in figures.items()
        for lead in leads
    ]


def results_root(wildcards):
    return LAYOUT.root


def cells_of(wildcards):
    return EXPERIMENTS[wildcards.experiment].cells


def all_diagnostics(wildcards):
    return [LAYOUT.diagnostics(cell) for cell in cells_of(wildcards)]


def all_fits(wildcards):
    return [LAYOUT.fit(cell) for cell in cells_of(wildcards)]


def study_of(wildcards):
    """The error rates of an experiment that studies the verdict."""
    study = EXPERIMENTS[wildcards.experiment].study
    return [LAYOUT.rates(), LAYOUT.truth()] if study else []


def all_refits(wildcards):
    experiment = EXPERIMENTS[wildcards.experiment]
    return [
        LAYOUT.refits(experiment.name, entry.name) for entry in experiment.calibrations
    ]


def calibration_of(wildcards):
    """The tests of an experiment that asks for calibration."""
    asked = EXPERIMENTS[wildcards.experiment].calibrations
    return [LAYOUT.calibration(wildcards.experiment)] if asked else []


def inputs_of_figure(wildcards):
    """The refits for the figure of the calibration; the fits and their table for all others."""
    if wildcards.figure == "calibration":
        return calibration_of(wildcards) + all_refits(wildcards)
    shared = [LAYOUT.table(), LAYOUT.reference(), LAYOUT.data()]
    return all_fits(wildcards) + study_of(wildcards) + shared


def all_figures(wildcards):
    figures = EXPERIMENTS[wildcards.experiment].figures
    return [LAYOUT.figure("svg", wildcards.experiment, figure) for figure in figures]


def cancel_leftovers():
    """Cancel what an earlier, killed run of this folder left in a Slurm queue.

    Their fits resume from their checkpoints; left alone, they would be computed twice.
    """
    if not shutil.which("squeue"):
        return
    queue = subprocess.run(
        ["squeue", "--me", "--noheader", "--format=%A|%j|%Z"],
        capture_output=True,
        text=True,
    )  # fails where Slurm is installed but is not this machine's cluster
    lines = [line.split("|") for line in queue.stdout.splitlines()]
    ours = sorted(
        {
            job
            for job, name, folder in lines
            if name.startswith("svi-atlas") and folder == os.getcwd()
        }
    )
    if ours:
        subprocess.run(["scancel", *ours], check=True)
        print(
            f"Cancelled jobs that an earlier run left in the queue: {', '.join(ours)}",
            file=sys.stderr,
        )


LIMITS = {"exceeded memory limit": "mem_mb", "DUE TO TIME LIMIT": "runtime"}
"""What Slurm writes to a job's log when it kills it, and the resource that was too small."""


def explain_limits(logs):
    """Say which jobs of this run went over which limit, from the Slurm logs its own logs name."""
    said = "".join(Path(log).read_text() for log in logs)
    named = dict.fromkeys(re.findall(r"[^\s,(]+\.log", said))
    for path in map(Path, named):
        if "slurm_logs" not in path.parts or not path.exists():
            continue
        text = path.read_text()
        origin = next(part for part in path.parts if part.startswith("rule_"))[5:]
        for words, resource in LIMITS.items():
            if words in text:
                print(
                    f"A {origin} job went over its {resource} ({path}); give it more: "
                    f"--set-resources '{origin}:{resource}=...'",
                    file=sys.stderr,
                )


def library(*arguments):
    """Run the library's command line in a process of its own; returns what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "workflow")}
    command = [sys.executable, "-m", "svi_atlas", *map(str, arguments)]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True
    ).stdout


def remove_stale(log):
    """Remove the results that the configuration no longer has, and list them in the log."""
    stale = RUN.stale_files()
    for path in stale:
        Path(path).unlink()
    Path(log).write_text("".join(f"removed {path}\n" for path in stale))
    print(f"removed {len(stale)} files, listed in {log}")


def print_summary():
    """Verdict counts, failures and where the report is, for what has been finished."""
    finished = [name for name in DEFAULT if Path(LAYOUT.table(name)).exists()]
    if not finished or not workflow.is_main_process:
        return
    print(library("summary", LAYOUT.root, *finished), end="", file=sys.stderr)
    stale = RUN.stale_files()
    if stale:
        print(
            f"{len(stale)} files of removed cells or figures are stale; "
            "`snakemake clean_stale` removes them:",
            *stale[:10],
            sep="\n  ",
            file=sys.stderr,
        )
    if Path(LAYOUT.page("index")).exists():
        print(f"Report: {LAYOUT.page('index')}", file=sys.stderr)
