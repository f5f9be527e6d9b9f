# SPDX-License-Identifier: GPL-3.0-or-later
"""Contact sheets: takes of five kinds of piano playing, seen from the front and from the player's eyes."""
