# SPDX-License-Identifier: GPL-3.0-or-later
"""Export of the hands and their motion to other programs."""
