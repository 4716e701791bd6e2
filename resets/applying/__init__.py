"""How a new password gets onto a device, and the proof of it: a file for each way."""
