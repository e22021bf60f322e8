"""Four statements about SVI that the tutorial makes, counted over the fits of any experiment."""
