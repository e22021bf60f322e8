"""Writes the conda files from the pinned requirements, so that there is one place for versions."""

import re
from pathlib import Path

FOLDER = Path(__file__).parent
HEADER = "# Made from {source} by envs/make_conda.py; do not edit.\n"


def conda_file(requirements: str) -> str:
    """The conda environment that installs a requirements file, hashes and all, through pip."""
    return (
        HEADER.format(source=requirements)
        + "channels:\n  - conda-forge\n  - nodefaults\ndependencies:\n  - python=3.11\n  - pip\n"
        + "  - pip:\n"
        + "".join(f"      - {line}\n" for line in pins(requirements))
    )


def pins(requirements: str) -> list[str]:
    """`name==version`, with markers, of every package of a requirements file."""
    text = (FOLDER / requirements).read_text()
    found = re.findall(r"^([A-Za-z0-9_.-]+==[^\\\n]+?) *\\?$", text, flags=re.MULTILINE)
    return [pin.strip() for pin in found]


if __name__ == "__main__":
    (FOLDER / "cpu.yaml").write_text(conda_file("cpu.txt"))
