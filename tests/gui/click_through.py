# SPDX-License-Identifier: GPL-3.0-or-later
"""A first day in a real window: from the default scene to playing hands, every click counted and photographed.

    python tests/gui/click_through.py --zip dist/s2c_blender-0.2.0-linux-x64-py313.zip \
        --recording demo/recording.flac --out out/clicks

The recording may be a MIDI file. Needs an X display of 1920 x 1080 that nobody else uses, `blender` (5.2), `xdotool`
and ImageMagick's `import` on the path. What plays is the engine in the zip, and Blender may not go online; with
`--worker PYTHON` it is the generator's packages of that Python. Standard library only. It makes a
profile of its own, installs the extension there, starts Blender on the default scene, and does what a newcomer would
do: keys and mouse only. What each click did is read from Blender (`watch.py`), so a click that does nothing ends the
run. Prints the count; exit status 1 when it is larger than `MOST_CLICKS`. Typing a name into the file dialog, with the
two Returns, counts as one.
The places to click are those of Blender 5.2's default layout at interface scale 1.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MOST_CLICKS = 8
HERE = Path(__file__).resolve().parent
SETTLING_S = 1.5
"""How long a change on the screen is waited for; software drawing is slow."""
NAME = "My Waltz"
"""What the recording is called, without its ending."""
INSTALL = """
import bpy, sys
bpy.ops.preferences.addon_enable(module="bl_pkg")
bpy.ops.extensions.package_install_files(filepath={zip!r}, repo="user_default", enable_on_install=True)
bpy.context.preferences.view.show_splash = False
bpy.ops.wm.save_userpref()
"""
TAB = (-13, 237)
"""The S2C tab, from the sidebar's upper right corner."""
STEP_BUTTON = {2: 90, 3: 105}
"""From the sidebar's top to the middle of the step's button, by the lines of its sentence."""
SET_UP = (-39, 67)
"""The dialog's button, from the place that was clicked."""
FILE_NAME = (0.49, 0.965)
"""The field for the name, as parts of the dialog's width and height."""

State = dict[str, Any]


class Day:
    """Blender's window, the clicks so far, and the pictures."""

    def __init__(self, out: Path, recording: str) -> None:
        self.out, self.state_file, self.clicks, self.recording = out, out / "state.json", 0, recording

    def state(self) -> State:
        return json.loads(self.state_file.read_text("utf-8")) if self.state_file.exists() else {}

    def sidebar(self) -> State:
        """The sidebar of the 3D view; empty while it is closed."""
        regions = self.state().get("regions", [])
        wanted = (r for r in regions if r["editor"] == "VIEW_3D" and r["kind"] == "UI" and r["width"] > 1)
        return next(wanted, {})

    def wait(self, what: str, wanted: Callable[[State], bool], seconds: float = 20.0) -> None:
        """Until Blender shows `wanted`; ends the run when it does not."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            state = self.state()
            if state.get("error"):
                break
            if state and wanted(state):
                time.sleep(SETTLING_S)
                return
            time.sleep(0.2)
        self.picture("failed")
        raise SystemExit(f"Not seen within {seconds:.0f} s: {what}. {self.state().get('error', '')}")

    def picture(self, name: str) -> None:
        subprocess.run(["import", "-window", "root", str(self.out / f"{name}.png")], check=True)

    def move(self, x: float, y: float) -> None:
        for step in (-4, 0):
            xdotool("mousemove", str(round(x + step)), str(round(y)))
            time.sleep(0.4)

    def click(self, x: float, y: float) -> None:
        self.move(x, y)
        xdotool("mousedown", "1")
        time.sleep(0.2)
        xdotool("mouseup", "1")

    def count(self, what: str) -> None:
        self.clicks += 1
        xdotool("mousemove_relative", "1", "0")  # something to draw for
        time.sleep(2)
        self.picture(f"{self.clicks}")
        print(f"{self.clicks}  {what}", flush=True)

    def press_step(self, lines: int) -> tuple[float, float]:
        """Click the button of the next step, whose sentence has so many lines; returns where."""
        sidebar = self.sidebar()
        place = sidebar["x"] + (sidebar["width"] - 22) / 2, sidebar["y"] + STEP_BUTTON[lines]
        self.click(*place)
        return place


def xdotool(*arguments: str) -> None:
    subprocess.run(["xdotool", *arguments], check=True)


def work(day: Day) -> None:
    """The day itself."""
    day.wait("Blender's window", lambda state: bool(state["regions"]), 60)
    day.picture("0")
    day.move(600, 500)
    xdotool("key", "n")
    day.wait("the sidebar", lambda _state: bool(day.sidebar()))
    day.count("N opens the sidebar")

    sidebar = day.sidebar()
    day.click(sidebar["x"] + sidebar["width"] + TAB[0], sidebar["y"] + TAB[1])
    day.wait("the S2C tab", lambda _state: day.sidebar().get("tab") == "S2C")
    day.count("the tab S2C")

    x, y = day.press_step(2)
    time.sleep(2)
    day.count("New Piano Scene")

    day.click(x + SET_UP[0], y + SET_UP[1])
    day.wait("the hands", lambda state: state["hands"] == 1 and state["cube"] is False)
    day.move(600, 500)
    day.wait("the hands", lambda state: True)
    day.count("Set Up, with the cube hidden")

    day.press_step(3)
    day.wait("the file dialog", lambda state: len(state["windows"]) == 2)
    time.sleep(2)
    day.count("Add Recording")

    left, top, width, height = dialog(day.state())
    day.click(left + width * FILE_NAME[0] / 1.5, top + height * FILE_NAME[1])
    time.sleep(0.5)
    xdotool("key", "ctrl+a")
    xdotool("type", "--delay", "40", day.recording)
    for _ in range(2):
        time.sleep(1)
        xdotool("key", "Return")
    day.wait("the recording", lambda state: len(state["recordings"]) == 1)
    day.move(600, 500)
    day.wait("the recording", lambda state: True)
    day.count("the name of the recording")

    day.press_step(2)
    begun = time.monotonic()
    time.sleep(4)
    day.count("Generate")
    day.wait("a take", lambda state: bool(state["take"]) and bool(state["result"]), 600)
    print(f"{time.monotonic() - begun - SETTLING_S:.1f} s from the click on Generate to the take")
    day.move(600, 500)
    time.sleep(2)
    day.picture("7-done")

    xdotool("key", "space")
    day.wait("playing hands", lambda state: state["playing"] and state["frame"] > 20, 60)
    day.count("Space plays")
    print(day.state()["result"])


def dialog(state: State) -> tuple[int, int, int, int]:
    """Left, top, width and height of the file dialog on the screen."""
    x, y, width, height = state["windows"][1]
    screen = state["windows"][0][3]
    return x, screen - y - height, width, height


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("zip", "recording", "worker", "out"):
        parser.add_argument(f"--{name}", type=lambda text: Path(text).absolute(), required=name != "worker")
    options = parser.parse_args()
    out: Path = options.out
    shutil.rmtree(out / "profile", ignore_errors=True)
    home = out / "profile" / "home"
    home.mkdir(parents=True)
    recording = NAME + options.recording.suffix
    shutil.copy(options.recording, home / recording)
    day = Day(out, recording)
    day.state_file.unlink(missing_ok=True)
    variables = {
        **os.environ,
        "HOME": str(home),
        "BLENDER_USER_RESOURCES": str(out / "profile" / "blender"),
    }
    variables.pop("S2C_WORKER_PYTHON", None)
    if options.worker is not None:
        variables["S2C_WORKER_PYTHON"] = str(options.worker)
    script = out / "profile" / "install.py"
    script.write_text(INSTALL.format(zip=str(options.zip)), "utf-8")
    command = ["blender", "-b", "--factory-startup", "--python", str(script)]
    subprocess.run(command, env=variables, check=True, stdout=subprocess.DEVNULL)
    command = ["blender", "--offline-mode", "--python", str(HERE / "watch.py"), "--", str(day.state_file)]
    with (out / "blender.log").open("w", encoding="utf-8") as log:
        blender = subprocess.Popen(command, env=variables, stdout=log, stderr=subprocess.STDOUT)
        try:
            work(day)
        finally:
            blender.terminate()
            blender.wait(20)
    print(f"{day.clicks} clicks, at most {MOST_CLICKS} wanted")
    return int(day.clicks > MOST_CLICKS)


if __name__ == "__main__":
    sys.exit(main())
