# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests; a package, so that `python -m tests.fuzz` finds the fuzzer."""
