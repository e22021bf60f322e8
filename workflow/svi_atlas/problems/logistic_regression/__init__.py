"""Logistic regression on minibatches of a million rows."""
