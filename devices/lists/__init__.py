"""Lists of devices as CSV and XLSX: read, planned against the fleet, written.

columns   what a list's columns are called, and what a header has to be
reading   a file's bytes → rows
cells     a cell's text ↔ a device's value
finding   which site, device or NVR a row is about
planning  rows and what is known of the fleet → what would happen to each line (see `plans`)
writing   devices → a file that `reading` reads back

All of these are pure. `models` has the tables of an import, `state` what its events leave.
"""
