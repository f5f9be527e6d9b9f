# SPDX-License-Identifier: GPL-3.0-or-later
"""How others call the generator: command line, pipeline, requests, progress, error messages."""
