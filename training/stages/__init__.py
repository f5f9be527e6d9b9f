# SPDX-License-Identifier: GPL-3.0-or-later
"""The two stages of the training, and what one run of them needs."""
