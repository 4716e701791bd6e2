"""Handing over: current passwords leave Rekey in a file that opens to a key or a passphrase.

Nothing of it is ever written to a disk, a log or a message: the file is made in memory once it
stands in the history of each device, and exists nowhere but in the answer.
"""
