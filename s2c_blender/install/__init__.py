# SPDX-License-Identifier: GPL-3.0-or-later
"""Install Generator: torch in an environment of its own, for GPUs and for models that listen.

Only the full edition has this folder. Nothing else imports it but `registration`, which looks whether it is there.
"""
