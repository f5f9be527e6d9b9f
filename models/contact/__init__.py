# SPDX-License-Identifier: GPL-3.0-or-later
"""Key contact: from generated motion and known notes to fingers on the right keys at the right time."""

from models.contact.apply import ContactResult, apply_contact
from models.contact.fingering import Assignment, finger_notes
from models.contact.hands import assign_hands

__all__ = ["Assignment", "ContactResult", "apply_contact", "assign_hands", "finger_notes"]
