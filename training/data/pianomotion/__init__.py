# SPDX-License-Identifier: GPL-3.0-or-later
"""PianoMotion10M: reading it, checking it, training on it, and writing our takes in its format."""
