"""The pages and calls by which a site's rules for its resets are looked at and set."""
