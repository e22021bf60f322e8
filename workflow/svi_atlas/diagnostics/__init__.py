"""Statistics of fits, one method per file, on plain arrays."""
