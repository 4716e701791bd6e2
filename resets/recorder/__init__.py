"""The NVR's part in a reset: a camera is taken off it first, put back at the end, and the NVR's
copy of the password is changed with it."""
