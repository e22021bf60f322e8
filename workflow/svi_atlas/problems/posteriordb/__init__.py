"""Posteriors of posteriordb, read from a local copy."""
