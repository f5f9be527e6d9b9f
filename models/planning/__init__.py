# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hand and which finger play each note, before there is any motion."""
