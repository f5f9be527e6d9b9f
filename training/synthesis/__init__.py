# SPDX-License-Identifier: GPL-3.0-or-later
"""From scores to any number of hours of aligned notes and hand motion."""
