"""Who may come to an address, where a least role does not say it."""

from __future__ import annotations

from enum import Enum


class Rule(Enum):
    ANYBODY = "signed in or not"
    PEOPLE = "people alone, no tokens"
    OWN = "nobody but whom it belongs to"
    PROPOSER = "whoever has proposed it, also by their token"
    HIDDEN = "below an administrator it is not even there"
    ADMINISTRATORS = "whoever is an administrator somewhere, and sees their own places"
    ORGANISATION = "an administrator of all sites"


ANYBODY, PEOPLE, OWN, PROPOSER, HIDDEN, ADMINISTRATORS, ORGANISATION = Rule
