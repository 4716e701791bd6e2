"""Speed, side by side with a limit and with peers, in one run: `python -m tests.bench [row ...]`.

Contestants take turns; medians and ratios are printed, with the CPU time of the client for each
operation beside them, since disks and neighbours are noisy. PostgreSQL runs without fsync: it is
the path through the code that is compared, not the disk.
"""
