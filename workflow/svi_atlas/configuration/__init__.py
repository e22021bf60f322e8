"""What the user writes: YAML files, checked against models and written out as cells."""
