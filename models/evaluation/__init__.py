# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of a take: what it plays, whether a body could do it, how like real motion it is."""
