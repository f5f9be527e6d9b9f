# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the extension's zips and the static repository that Blender installs and updates them from.

`python dev.py build` runs it; docs/editions.md says what is in which zip and why. Nothing of it ships.
"""
