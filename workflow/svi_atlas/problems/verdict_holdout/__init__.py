"""Densities with known answers, kept aside until the verdict was chosen."""
