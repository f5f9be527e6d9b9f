# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m models`: see `models.cli`."""

import sys

from models.cli import main
from models.command_line import end_cleanly_when_asked

if __name__ == "__main__":
    end_cleanly_when_asked()
    sys.exit(main())
