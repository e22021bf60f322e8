"""Statistics of fits, one a file, on plain arrays; `verdict` turns them into verdicts."""
