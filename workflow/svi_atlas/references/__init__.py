"""References: the posterior that fits are compared with, exact, by quadrature, or by long NUTS."""
