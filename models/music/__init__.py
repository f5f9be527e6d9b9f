# SPDX-License-Identifier: GPL-3.0-or-later
"""What is played: notes, MIDI, sound, and where notes come from."""
