# SPDX-License-Identifier: GPL-3.0-or-later
"""The transcription network in torch, with transkun's layers and weights: for GPUs, and to make the ONNX files of."""
