# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules, the v-parameterisation and samplers. Nothing here knows a network."""
