# SPDX-License-Identifier: GPL-3.0-or-later
"""The instrument and the player's body as data: skeleton, keyboard, kinematics, motion, player."""
