# SPDX-License-Identifier: GPL-3.0-or-later
"""The subcommands of `python -m training`, a file each."""
