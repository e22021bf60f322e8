"""The bimodal density: two Gaussian modes across, a Cauchy along, in a box."""
