# SPDX-License-Identifier: GPL-3.0-or-later
"""What is learned from and compared with: shards, PianoMotion10M, real motion."""
