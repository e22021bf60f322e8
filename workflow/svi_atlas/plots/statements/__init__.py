"""What the origin states about particles, guides and surrogates, over the fits of any experiment."""
