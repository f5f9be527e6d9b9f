# SPDX-License-Identifier: GPL-3.0-or-later
"""What the edit plays, and films decoded where the worker cannot read them."""
