# SPDX-License-Identifier: GPL-3.0-or-later
"""What the animator sees: panels, menus, settings, preferences, and the sentences and next steps in them."""
