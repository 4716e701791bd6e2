"""Campaigns: many resets or rotations under one approval."""
