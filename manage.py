#!/usr/bin/env python
"""Rekey's command line: `manage.py up` runs everything on this machine."""

import os
import sys

if __name__ == "__main__":
    if sys.argv[1:2] == ["apply-offline"]:  # at a device, where there are no settings
        from resets.applying import offline

        sys.exit(offline.main(sys.argv[2:]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fleet.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
