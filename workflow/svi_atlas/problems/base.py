"""What a problem file imports: the records that describe a problem."""

from svi_atlas.records import FamilyOptimum, Mode, Problem, Reference

__all__ = ["FamilyOptimum", "Mode", "Problem", "Reference"]
