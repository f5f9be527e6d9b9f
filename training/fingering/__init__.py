# SPDX-License-Identifier: GPL-3.0-or-later
"""Printed fingering as data: Humdrum scores read, works split, cost weights fitted, agreement measured."""
