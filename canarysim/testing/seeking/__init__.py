"""The search for requests that a route takes, or narrowly misses: behind canarysim.testing.witness."""
