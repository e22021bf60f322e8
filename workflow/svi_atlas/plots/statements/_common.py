"""What the figures about statements share."""

from __future__ import annotations

POINT_GUIDES = ("AutoLaplaceApproximation",)
"""Guides fitted as a point: their loss has no noise and is no ELBO of the guide drawn from."""

SMALLEST_KL = 1e-5
"""Nats. A smaller KL is drawn here: below it rounding decides."""
