"""Saves the progress of a long fit and finds it again after an interruption."""

from __future__ import annotations

import os
import time
import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np


@dataclass
class Checkpoint:
    """A file that holds a pytree of arrays, valid for one spec only.

    Saves at most every `seconds`; `spec_text` is kept inside, and a file made for another spec is
    ignored.
    """

    path: Path
    spec_text: str
    seconds: float = 30.0
    _last: float = field(default_factory=time.monotonic)

    def load(self, like: Any) -> Any:
        """The saved pytree, of the structure of `like`, or None if there is none for this spec."""
        try:
            with self.path.open("rb") as file, np.load(file) as saved:
                if str(saved["spec"]) != self.spec_text:
                    return None
                leaves = [saved[f"leaf{index}"] for index in range(len(saved.files) - 1)]
        except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile):
            return None
        leaves = [leaf.item() if leaf.ndim == 0 else leaf for leaf in leaves]
        return jax.tree.unflatten(jax.tree.structure(like), leaves)

    def save(self, tree: Any) -> None:
        """Save the pytree atomically if the last save is long enough ago."""
        if time.monotonic() - self._last < self.seconds:
            return
        leaves: dict[str, Any] = {
            f"leaf{index}": np.asarray(leaf) for index, leaf in enumerate(jax.tree.leaves(tree))
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.npz")
        np.savez(temporary, spec=self.spec_text, **leaves)
        os.replace(temporary, self.path)
        self._last = time.monotonic()

    def beside(self, name: str) -> Checkpoint:
        """Another checkpoint of the same job, removed with this one."""
        path = self.path.with_suffix(f".{name}{self.path.suffix}")
        return replace(self, path=path, _last=time.monotonic())

    def remove(self) -> None:
        """Delete the file, and those of checkpoints beside it."""
        for path in self.path.parent.glob(f"{self.path.stem}.*"):
            path.unlink(missing_ok=True)
