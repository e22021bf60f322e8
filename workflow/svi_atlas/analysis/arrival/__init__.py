"""Tables of the experiment arrival: which way to fit arrives on everyday posteriors."""
