# SPDX-License-Identifier: GPL-3.0-or-later
"""MIDI to piano sound with fluidsynth and a free soundfont, for evaluation from sound and for training data.

On Debian: `apt-get install fluidsynth fluid-soundfont-gm`. Another fluidsynth or soundfont is named by the
environment variables `S2C_FLUIDSYNTH` and `S2C_SOUNDFONT`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from models.errors import UserError, quoted
from models.whole_file import whole_file

SOUNDFONTS = (
    Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"),
    Path("/usr/share/soundfonts/FluidR3_GM.sf2"),
    Path("/usr/share/sounds/sf2/default-GM.sf2"),
)
"""Where Debian, Fedora and others put a soundfont; the first that exists is used."""
RATE = 44_100
GAIN = 0.6
TIMEOUT_S = 600.0


def find_soundfont() -> Path:
    """The soundfont of `S2C_SOUNDFONT`, else the first of `SOUNDFONTS` that is installed."""
    named = os.environ.get("S2C_SOUNDFONT")
    for path in (Path(named),) if named else SOUNDFONTS:
        if path.is_file():
            return path
    where = quoted(named) if named else "the usual folders"
    sentence = (
        f"No soundfont was found in {where}; install fluid-soundfont-gm or set S2C_SOUNDFONT to an .sf2 file."
    )
    raise UserError("soundfont_missing", sentence)


def find_fluidsynth() -> str:
    """The program of `S2C_FLUIDSYNTH`, else the one on the path."""
    name = os.environ.get("S2C_FLUIDSYNTH", "fluidsynth")
    found = shutil.which(name)
    if found is None:
        sentence = "fluidsynth was not found; install it (on Debian: apt-get install fluidsynth) or set S2C_FLUIDSYNTH."
        raise UserError("fluidsynth_missing", sentence, name)
    return found


def render(
    midi: Path, sound: Path, *, rate: int = RATE, gain: float = GAIN, soundfont: Path | None = None
) -> None:
    """Play a MIDI file into a 16-bit stereo WAV file; the file appears whole or not at all.

    Args:
        rate: samples a second.
        gain: 0 to 10; 0.6 keeps a full piano chord below full scale.

    Raises:
        UserError: fluidsynth, the soundfont or the MIDI file is missing, or the rendering failed.
    """
    if not 0 < gain <= 10 or not 8_000 <= rate <= 96_000:
        raise ValueError(f"gain={gain} must be in (0, 10] and rate={rate} in 8000..96000")
    if not midi.is_file():
        raise UserError(
            "midi_missing", f"The MIDI file {quoted(midi)} does not exist; choose another.", str(midi)
        )
    bank = soundfont or find_soundfont()
    program = find_fluidsynth()
    with whole_file(sound) as part:
        options = [
            "-ni",
            "-q",
            "-g",
            str(gain),
            "-r",
            str(rate),
            "-O",
            "s16",
            "-T",
            "wav",
            "-F",
            str(part.absolute()),
        ]
        command = [program, *options, str(bank.absolute()), str(midi.absolute())]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            sentence = (
                f"fluidsynth took more than {TIMEOUT_S:.0f} s for {quoted(midi)}; choose a shorter piece."
            )
            raise UserError("rendering_failed", sentence, repr(error)) from error
        if done.returncode != 0 or not part.is_file() or part.stat().st_size <= 44:
            sentence = f"fluidsynth could not render {quoted(midi)}; check the MIDI file and the soundfont."
            raise UserError("rendering_failed", sentence, f"exit {done.returncode}: {done.stderr[-2000:]}")
