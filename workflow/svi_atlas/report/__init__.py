"""Executed notebooks, the pages made from them, and the index of the report."""
