# SPDX-License-Identifier: GPL-3.0-or-later
"""The paper's tables 1 and 2, trained and measured anew on whatever data there is."""
