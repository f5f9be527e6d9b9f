# SPDX-License-Identifier: GPL-3.0-or-later
"""From sound to notes: transkun's network as ONNX graphs, and a decoder of our own."""
