"""What a run writes: paths, readers, writers and the meaning of every column."""
