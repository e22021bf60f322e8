"""How one job runs: its spec, its process and the stages of the workflow."""
