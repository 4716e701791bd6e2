"""Naming or correcting a device's Reset Password Email: one proposes it, a second person agrees."""
