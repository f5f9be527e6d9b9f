# SPDX-License-Identifier: GPL-3.0-or-later
"""What the networks are told, and in which space."""
