# What a run on Slurm needs besides: cancelling leftovers, explaining limits.
import re
import shutil
import subprocess


def cancel_leftovers():
    """Cancel what an earlier, killed run of this folder left in a Slurm queue.

    Its fits resume from their checkpoints; left alone, they would be computed twice.
    """
    if not shutil.which("squeue"):
        return
    queue = subprocess.run(
        ["squeue", "--me", "--noheader", "--format=%A|%j|%Z"],
        capture_output=True,
        text=True,
    )  # fails where Slurm is installed but is not this machine's cluster
    lines = [line.split("|") for line in queue.stdout.splitlines()]
    leftovers = sorted(
        {
            job
            for job, name, folder in lines
            if name.startswith("svi-atlas") and folder == os.getcwd()
        }
    )
    if leftovers:
        subprocess.run(["scancel", *leftovers], check=True)
        print(
            f"Cancelled jobs that an earlier run left in the queue: {', '.join(leftovers)}",
            file=sys.stderr,
        )


LIMITS = {"exceeded memory limit": "mem_mb", "DUE TO TIME LIMIT": "runtime"}
"""What Slurm writes to a job's log when it kills it, and the resource that was too small."""


def explain_limits(logs):
    """Say which jobs of this run exceeded which limit, from the Slurm logs that its logs name."""
    text = "".join(Path(log).read_text() for log in logs)
    named = dict.fromkeys(re.findall(r"[^\s,(]+\.log", text))
    for path in map(Path, named):
        if "slurm_logs" not in path.parts or not path.exists():
            continue
        rule_name = next(part for part in path.parts if part.startswith("rule_"))[5:]
        content = path.read_text()
        for words, resource in LIMITS.items():
            if words in content:
                print(
                    f"A {rule_name} job exceeded its {resource} ({path}); give it more: "
                    f"--set-resources '{rule_name}:{resource}=...'",
                    file=sys.stderr,
                )
