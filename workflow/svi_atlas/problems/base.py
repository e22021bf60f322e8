"""What a problem file imports: the records that describe a problem."""

from svi_atlas.records import Mode, Problem, Reference

__all__ = ["Mode", "Problem", "Reference"]
