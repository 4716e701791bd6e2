"""Rotations that come again by themselves, each a campaign, under one approval given once."""
