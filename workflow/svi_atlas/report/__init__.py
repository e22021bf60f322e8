"""Executed notebooks and the pages made from them."""
