"""Everyday posteriors, and those of the tutorial: does a fit arrive?"""
