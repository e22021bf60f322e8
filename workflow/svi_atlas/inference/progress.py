"""The progress of a run: what it has so far, and the line that reports it."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from svi_atlas.inference.optimality import Look
from svi_atlas.inference.parts import Part
from svi_atlas.inference.program import CellState, Snapshots


class Progress(NamedTuple):
    """What a run has so far, as one pytree of fixed shape, so that a checkpoint can hold it.

    losses: (step / loss_stride, seed, setting). snapshots: pytrees of (snapshot, seed, setting, *shape).
    steps_used, check_draws, elbo: (seed, setting), steps of the fits that have stopped, 0 for those under
        way; draws that were spent to see whether they had arrived; ELBO at the last look (see `Look`).
    num_parts, num_steps: number of those done; num_losses, num_snapshots: how far the arrays are filled.
    """

    state: CellState
    losses: np.ndarray
    snapshots: Snapshots
    steps_used: np.ndarray
    check_draws: np.ndarray
    elbo: np.ndarray
    num_parts: int
    num_steps: int
    num_losses: int
    num_snapshots: int

    @classmethod
    def start(
        cls,
        state: CellState,
        losses: Float[np.ndarray, "loss seed setting"],
        parts: list[Part],
        snapshot_shapes: Any,
    ) -> Progress:
        """Nothing done yet.

        Parameters
        ----------
        state
            Before the first step.
        losses
            An array to fill.
        parts
            The parts of the run.
        snapshot_shapes
            Shapes and types of the snapshots of one part.
        """
        total = sum(part.num_snapshots for part in parts)
        snapshots = jax.tree.map(
            lambda leaf: np.empty((total, *leaf.shape[1:]), leaf.dtype), snapshot_shapes
        )
        steps_used, check_draws = (np.zeros(losses.shape[1:], int) for _ in range(2))
        elbo = np.full(losses.shape[1:], np.nan)
        return cls(state, losses, snapshots, steps_used, check_draws, elbo, 0, 0, 0, 0)

    def extend(self, part: Part, state: CellState, losses: Any, snapshots: Snapshots) -> Progress:
        """Add what `advance` returned for a part; the arrays are filled in place."""
        new_losses = np.asarray(losses).reshape(-1, *self.losses.shape[1:])
        num_losses = self.num_losses + len(new_losses)
        num_snapshots = self.num_snapshots + part.num_snapshots
        self.losses[self.num_losses : num_losses] = new_losses
        for all_values, new_values in zip(
            jax.tree.leaves(self.snapshots), jax.tree.leaves(snapshots), strict=True
        ):
            all_values[self.num_snapshots : num_snapshots] = new_values
        return self._replace(
            state=state,
            num_parts=self.num_parts + 1,
            num_steps=self.num_steps + part.num_steps,
            num_losses=num_losses,
            num_snapshots=num_snapshots,
        )

    @property
    def all_stopped(self) -> bool:
        return bool((self.steps_used > 0).all())

    def stop(self, look: Look) -> None:
        """Note what a look at the fits tells of those under way."""
        under_way = self.steps_used == 0
        self.check_draws[under_way] += look.num_draws[under_way]
        self.elbo[under_way] = look.elbo[under_way]
        self.steps_used[look.stopped & under_way] = self.num_steps

    def line(self, parts: list[Part], resumed: int, seconds: float) -> str:
        """Step, rate, time left and share of replicas whose loss is finite.

        Parameters
        ----------
        parts
            The parts of the run.
        resumed
            Number of parts that a checkpoint had already.
        seconds
            Time spent on the others.
        """
        total = sum(part.num_steps for part in parts)
        before = sum(part.num_steps for part in parts[:resumed])
        rate = (self.num_steps - before) / max(seconds, 1e-9)
        finite = np.isfinite(self.losses[self.num_losses - 1]).mean()
        resumed_at = f" (resumed at {before:,})" if resumed else ""
        return (
            f"step {self.num_steps:,} of {total:,}{resumed_at}, {rate:,.0f} steps/s, "
            f"{(total - self.num_steps) / rate:.0f} s left, {finite:.0%} of replicas finite"
        )
