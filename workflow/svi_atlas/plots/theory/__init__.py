"""Figures of the identities behind variational inference, on the coin."""
