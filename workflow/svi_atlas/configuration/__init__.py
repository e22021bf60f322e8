"""What the user writes: YAML files, checked against typed models and written out as cells."""
