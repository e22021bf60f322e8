"""SVI Atlas: which guide, step size and particle count can be trusted, and has the fit converged?"""
