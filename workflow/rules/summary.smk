# What is printed at the end of a run, and the removal of stale results.
import json
import subprocess


def print_summary():
    """Verdict counts, failures and where the report is, for what has finished."""
    tables = {name: LAYOUT.path("table", experiment=name) for name in DEFAULT}
    finished = {name: path for name, path in tables.items() if Path(path).exists()}
    if not finished or not workflow.is_main_process:
        return
    files = {"tables": finished, "costs": RUN.cost_files(finished)}
    listed = Path(LAYOUT.path("planning")) / "summary.json"
    listed.write_text(json.dumps(files))
    command = [sys.executable, "-m", "svi_atlas", "summary", str(listed)]
    summary = subprocess.run(command, capture_output=True, text=True)
    print(summary.stdout, end="", file=sys.stderr)
    stale = RUN.stale_files()
    if stale:
        print(
            f"{len(stale)} files belong to nothing in the configuration any more; "
            "`snakemake clean_stale` removes them:",
            *stale[:10],
            sep="\n  ",
            file=sys.stderr,
        )
    if Path(LAYOUT.path("page", page="index")).exists():
        print(f"Report: {LAYOUT.path('page', page='index')}", file=sys.stderr)


def remove_stale(log):
    """Remove the results that the configuration no longer has, and list them in the log."""
    stale = RUN.stale_files()
    for path in stale:
        Path(path).unlink()
    Path(log).write_text("".join(f"removed {path}\n" for path in stale))
    print(f"removed {len(stale)} files, listed in {log}")
