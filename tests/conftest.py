"""Tests run JAX on one thread, as jobs do.

On several threads JAX's triangular solve (full-rank guides) may wait for a thread that waits for
it, and a test hangs: seen with jaxlib 0.10.2 on two cores.
"""

from svi_atlas.cli import limit_threads

limit_threads(1)  # before JAX is imported
