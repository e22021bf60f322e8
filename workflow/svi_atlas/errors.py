"""Errors meant for the user: what is wrong, where, what is allowed, how to fix it."""


class InputError(Exception):
    """Something the user wrote (configuration, problem file, published values) cannot be used."""


class StaleSpecError(Exception):
    """A job's spec changed while it ran; its result would be out of date and is thrown away."""
