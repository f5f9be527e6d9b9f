# SPDX-License-Identifier: GPL-3.0-or-later
"""Key contact: from generated motion and known notes to fingers on the right keys at the right time."""

from models.contact.apply import ContactResult, apply_contact

__all__ = ["ContactResult", "apply_contact"]
