"""Everything that reaches into JAX's internals to make fits faster; the results stay the same.

`accelerated` is the switch. The parts:

- `threefry`: random bits on the CPU from programs that vectorise;
- `gamma`: gamma variates and their gradient on the CPU;
- `hoist`: random numbers made ahead of the steps, and once for all step sizes of a seed;
- `cached_noise`: ln q of a multivariate Normal from the noise of its draw.

The gains stated in each module are those of docs/engine.md, in nanoseconds per fit and step.
"""

from svi_atlas.inference.acceleration.switch import PARTS, accelerated

__all__ = ["PARTS", "accelerated"]
