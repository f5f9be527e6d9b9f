# SPDX-License-Identifier: GPL-3.0-or-later
"""The built-in piano: 88 keys that the notes of a take move."""
