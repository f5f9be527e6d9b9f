# SPDX-License-Identifier: GPL-3.0-or-later
"""What a folder of PianoMotion10M holds and what of it cannot be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from models.body.notes import Notes
from models.errors import UserError
from training.data.pianomotion.clip import BadClip, read_clip, read_notes, read_sound
from training.data.pianomotion.layout import SPLITS, ClipFiles, clips, videos


@dataclass
class SplitReport:
    """One split."""

    videos: int = 0
    videos_without_clips: int = 0
    clips: int = 0
    hours: float = 0.0
    """Of the clips that can be used."""
    hours_of: dict[str, float] = field(default_factory=dict)
    """By uploader."""
    seen: float = 0.0
    """Share of frames and hands with a valid flag."""
    rates: Counter[float] = field(default_factory=Counter)
    """Clips by frames a second."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Clip and reason."""
    no_notes: dict[str, str] = field(default_factory=dict)
    """Clips whose MIDI is missing or damaged; they serve models that listen to sound."""
    mismatched: dict[str, float] = field(default_factory=dict)
    """Clips whose sound does not hold their notes, and the F1 of its transcription."""


MISMATCH_F1 = 0.5
"""A transcription that agrees less with the MIDI file says that sound and notes are of different music."""
Transcribe = Callable[[ClipFiles], Notes]
"""From a clip to the notes heard in its sound."""


def check_split(
    root: Path, split: str, uploaders: Sequence[str] = (), transcribe: Transcribe | None = None
) -> SplitReport:
    """Read every file of a split; `UserError` where its list is missing or damaged."""
    report = SplitReport()
    listed = [pair for pair in videos(root, split) if not uploaders or pair[0] in uploaders]
    found = clips(root, split, uploaders)
    report.videos, report.clips = len(listed), len(found)
    report.videos_without_clips = len(set(listed) - {(files.uploader, files.video) for files in found})
    frames = seen = 0
    for files in found:
        try:
            clip = read_clip(files)
            read_sound(files, clip.seconds)
        except BadClip as error:
            report.skipped[str(files)] = str(error)
            continue
        hours = clip.seconds / 3600
        report.hours += hours
        report.hours_of[files.uploader] = report.hours_of.get(files.uploader, 0.0) + hours
        report.rates[clip.fps] += 1
        frames, seen = frames + clip.valid.size, seen + int(clip.valid.sum())
        try:
            notes = read_notes(files, clip.start_frame / clip.fps, clip.seconds)
        except BadClip as error:
            report.no_notes[str(files)] = str(error)
            continue
        if transcribe is not None:
            agreement = onset_f1(notes, transcribe(files))
            if agreement < MISMATCH_F1:
                report.mismatched[str(files)] = agreement
    report.seen = seen / frames if frames else 0.0
    return report


def onset_f1(true: Notes, heard: Notes, tolerance_s: float = 0.1) -> float:
    """F1 of notes: same pitch, onsets within the tolerance, each used once; 1 where both are empty."""
    true, heard = (notes.select(notes.onset_s >= 0) for notes in (true, heard))
    if not len(true) and not len(heard):
        return 1.0
    hits = 0
    for pitch in np.unique(true.pitch):
        want, have = (np.sort(notes.onset_s[notes.pitch == pitch]) for notes in (true, heard))
        i = j = 0
        while i < len(want) and j < len(have):
            if abs(want[i] - have[j]) <= tolerance_s:
                hits, i, j = hits + 1, i + 1, j + 1
            elif want[i] < have[j]:
                i += 1
            else:
                j += 1
    return 2 * hits / (len(true) + len(heard))


def report_lines(
    root: Path, uploaders: Sequence[str] = (), transcribe: Transcribe | None = None
) -> list[str]:
    """The report of all splits as text."""
    lines = []
    for split in SPLITS:
        try:
            report = check_split(root, split, uploaders, transcribe)
        except UserError as error:
            lines.append(f"{split}: {error.message}")
            continue
        rates = ", ".join(f"{count} at {fps:g} fps" for fps, count in sorted(report.rates.items()))
        lines.append(
            f"{split}: {report.videos} videos ({report.videos_without_clips} without clips), {report.clips} clips, "
            f"{report.hours:.2f} h usable ({rates or 'none'}), hands seen in {report.seen:.1%} of the frames"
        )
        for uploader, hours in sorted(report.hours_of.items(), key=lambda item: -item[1]):
            lines.append(f"  uploader {uploader}: {hours:.2f} h")
        lines.append(f"  {len(report.skipped)} clips cannot be used, {len(report.no_notes)} have no notes")
        lines += [f"    {name}: {why}" for name, why in (report.skipped | report.no_notes).items()]
        if transcribe is not None:
            lines.append(f"  {len(report.mismatched)} clips whose sound is not that of their notes")
            lines += [f"    {name}: F1 {value:.2f}" for name, value in report.mismatched.items()]
    return lines
