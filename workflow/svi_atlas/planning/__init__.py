"""What each job depends on: specs, code digests, and the checked configuration of a run."""
