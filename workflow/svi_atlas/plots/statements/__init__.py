"""Four statements of the tutorial about particles, guides and surrogates, for any experiment."""
