# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m models`: see `models.app.cli`."""

import sys

from models.app.cli import main
from models.app.command_line import end_cleanly_when_asked

if __name__ == "__main__":
    end_cleanly_when_asked()
    sys.exit(main())
