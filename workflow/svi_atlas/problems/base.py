"""What a problem file imports: the records of the problem contract, defined in `svi_atlas.records`."""

from svi_atlas.records import FamilyOptimum, Mode, Problem, Reference

__all__ = ["FamilyOptimum", "Mode", "Problem", "Reference"]
