"""Searching networks, and taking what is found into the fleet."""
