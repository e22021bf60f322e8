"""Statistics of fits, one per file, on plain arrays; `table.py` lists and gathers them."""
