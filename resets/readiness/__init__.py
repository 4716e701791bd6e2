"""Readiness: whether a reset of a device would work, with what is in the way; and drills of it."""
