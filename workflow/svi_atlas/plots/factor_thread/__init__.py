"""Figures of the factor_thread experiment."""
