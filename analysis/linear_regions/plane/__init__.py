"""Straight-line subdivisions of a convex polygon: the geometry, which knows nothing of networks."""
