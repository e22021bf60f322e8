"""The stages of the workflow, one per module: read, one call of the library, write."""
