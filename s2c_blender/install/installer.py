# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds, repairs and deletes the worker's environment as a row of child processes, without waiting. No bpy.

Each step is one command whose output is streamed line by line. The completion marker is removed first and
written last, so an interrupted installation is always seen as one. Files are downloaded into a folder first and
installed from there: whoever presses Install again after a broken connection goes on with those that are there.

What is installed stands in the lock files: each package with its version and the hashes of its files, so neither an
index nor whoever stands before it decides what runs here. There is one index at a time: the usual one, or the mirror
that the user's own pip asks (see `pip_settings`); torch for the CPU alone comes from its own, in a step of its own.
"""

from __future__ import annotations

import os
import re
import sys
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..core.jobs import ACTIVE, State, Status
from ..core.process import ChildProcess, child_environment
from ..core.protocol import LineSplitter
from ..plain_text import shown
from . import pip_settings
from .environment import PYTHON_MIN, Runtime
from .offer import lasting

PROBE = (
    "import sys, venv, ensurepip, ctypes; "
    f"sys.exit(0 if {PYTHON_MIN!r} <= sys.version_info[:2] < (3, 15) and sys.maxsize > 2**32 else 3)"
)
DELETE = (
    "import os, shutil, sys; "
    "[shutil.rmtree(p) if os.path.isdir(p) else os.unlink(p) for p in sys.argv[1:] if os.path.lexists(p)]"
)
ISOLATED = "-I"
"""Every child ignores the folder that Blender was started in, and Python's own variables and user packages."""
PIP = (ISOLATED, "-m", "pip", "--disable-pip-version-check", "--no-input")
DOWNLOAD = (*PIP, "download", "--progress-bar", "off", "--retries", "3", "--timeout", "60", "--no-cache-dir")
INSTALL = (*PIP, "install", "--progress-bar", "off", "--no-index", "--no-cache-dir")
LOCKED = ("--require-hashes", "--only-binary", ":all:", "--no-deps")
"""Nothing but the files whose hashes are locked; the locks hold the whole tree, and no package is built here."""
PACKAGES, TORCH, TORCH_CPU = "packages.txt", "torch.txt", "torch-cpu.txt"
MOST_OF_A_LINE = 200


@dataclass(frozen=True, kw_only=True)
class InstallConfig:
    """What to install, where, and how long to be patient."""

    runtime: Runtime
    requirements: Path
    """The folder of the worker's lock files."""
    check: str = "import torch, numpy, safetensors, transkun"
    """Python code that succeeds in a working environment."""
    base_pythons: tuple[str, ...] = ()
    """Pythons to build on, best first; empty looks for them."""
    venv_options: tuple[str, ...] = ("--clear",)
    """Options of `python -m venv`."""
    cpu_index: str = ""
    """Address of PyTorch's index of CPU builds; where it is given, Linux gets torch from there and no GPU libraries."""
    silence_seconds: float = 900.0
    """Longest silence of a step. One torch wheel of gigabytes is one silent download."""
    lines_per_pump: int = 50

    def __post_init__(self) -> None:
        if self.silence_seconds <= 0 or self.lines_per_pump < 1:
            raise ValueError(f"silence_seconds={self.silence_seconds}, lines_per_pump={self.lines_per_pump}")


@dataclass(frozen=True)
class Step:
    """One command of an installation."""

    label: str
    command: tuple[str, ...]
    failure: str
    """The sentence shown when it fails."""
    asks_pip: bool = False
    """Whether it prints the settings of the user's pip: kept for the next steps, shown nowhere (passwords)."""


def base_pythons() -> tuple[str, ...]:
    """Pythons that could carry the environment: Blender's own first, then those on the path."""
    names = [f"python3.{minor}" for minor in (12, 11, 13)] + ["python3", "python"]
    found = [lasting(sys.executable), *(on_path(name) for name in names)]
    return tuple(dict.fromkeys(path for path in found if path and os.path.isfile(path)))


def on_path(name: str) -> str:
    """The program of this name on the path; '' for none.

    Not `shutil.which`: on Windows it looks into the current folder first, and a path may hold relative folders.
    """
    ending = ".exe" if sys.platform == "win32" else ""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        program = os.path.join(folder, name + ending)
        if os.path.isabs(folder) and os.path.isfile(program) and os.access(program, os.X_OK):
            return program
    return ""


class Installer:
    """One installation or deletion at a time."""

    def __init__(self) -> None:
        self.status = Status()
        self.lines: deque[str] = deque(maxlen=400)
        self._config: InstallConfig | None = None
        self._steps: list[Step] = []
        self._candidates: list[str] = []
        self._index = 0
        self._heard = 0.0
        self._child: ChildProcess | None = None
        self._splitter = LineSplitter()
        self._pip_settings: list[str] = []
        self._deleting = False

    @property
    def active(self) -> bool:
        """True while an installation or a deletion runs."""
        return self.status.state in ACTIVE

    def install(self, config: InstallConfig, now: float, *, online: bool) -> None:
        """Begin an installation; an unfinished or old one in the folder is replaced."""
        self._begin(config, deleting=False)
        if not online:
            self._fail(
                "offline", "Blender may not go online: allow it under Preferences > System > Network.", ""
            )
            return
        try:
            config.runtime.folder.mkdir(parents=True, exist_ok=True)
            config.runtime.marker.unlink(missing_ok=True)
        except OSError as error:
            self._fail(
                "folder",
                f'The folder "{config.runtime.folder}" cannot be written; choose another.',
                str(error),
            )
            return
        self._candidates = list(config.base_pythons or base_pythons())
        self._probe(now)

    def delete(self, config: InstallConfig, now: float) -> None:
        """Remove the environment and its marker, and nothing else that may be in the folder."""
        self._begin(config, deleting=True)
        try:
            config.runtime.marker.unlink(missing_ok=True)
        except OSError as error:
            self._fail("delete", f'The folder "{config.runtime.folder}" cannot be changed.', str(error))
            return
        if not config.runtime.begun():
            self.status = Status(State.DONE, "There is no generator to delete.")
            return
        failure = (
            "Some files of the generator could not be deleted; close other Blender windows and try again."
        )
        command = delete_command(sys.executable, config.runtime.venv, config.runtime.downloads)
        self._steps = [Step("Deleting the generator", command, failure)]
        self._run(now)

    def cancel(self) -> None:
        """Stop. What is there stays unfinished, and is seen as that."""
        if self.active:
            self._stop_child()
            self.status = Status(State.IDLE, "The installation was cancelled.")

    def pump(self, now: float) -> bool:
        """Stream output and go on to the next step. Returns True when there is something new to draw."""
        child, config = self._child, self._config
        if child is None or config is None:
            return False
        changed = self._stream(child, config, now)
        code = child.returncode()
        if code is None or not child.drained():
            if now - self._heard > config.silence_seconds:
                self._stop_child()
                self._fail(
                    "stalled",
                    f"{self.status.stage} has stalled; check the network and press Install again.",
                    "",
                )
                return True
            return changed
        self._stop_child()
        if self._index < 0:
            self._probed(code, now)
        elif code != 0:
            self._fail("install", self._steps[self._index].failure, "\n".join(self.lines))
            self.status.log = error_line(self.lines)
        else:
            self._index += 1
            self._run(now)
        return True

    # -- inside -------------------------------------------------------------------------------------

    def _begin(self, config: InstallConfig, *, deleting: bool) -> None:
        if self.active:
            raise RuntimeError("an installation is already running")
        self._config, self._deleting = config, deleting
        self._steps, self._index, self._splitter = [], 0, LineSplitter()
        self.lines.clear()
        self._pip_settings.clear()
        self.status = Status(State.RUNNING)

    def _stream(self, child: ChildProcess, config: InstallConfig, now: float) -> bool:
        before = len(self.lines), self.status.log
        secret = 0 <= self._index < len(self._steps) and self._steps[self._index].asks_pip
        for _ in range(config.lines_per_pump // 8 + 1):
            chunk = child.read()
            if chunk is None:
                break
            for line in self._splitter.feed(chunk):
                text = line.decode("utf-8", "replace")
                if secret:
                    self._pip_settings.append(text)
                    continue
                self.status.log = text
                self.lines.append(text)
            self._heard = now
        return before != (len(self.lines), self.status.log)

    def _probe(self, now: float) -> None:
        self._index = -1
        if not self._candidates:
            wanted = ".".join(map(str, PYTHON_MIN))
            message = (
                f"No Python {wanted} or newer that can build environments was found; install one or name one."
            )
            self._fail("no_python", message, "\n".join(self.lines))
            return
        self._launch(Step("Looking for a Python", (self._candidates[0], ISOLATED, "-c", PROBE), ""), now)

    def _probed(self, code: int, now: float) -> None:
        assert self._config is not None
        python = self._candidates.pop(0)
        if code != 0:
            self.lines.append(f"{python}: not usable ({code})")
            self._probe(now)
            return
        self._steps, self._index = install_steps(self._config, python), 0
        self._run(now)

    def _run(self, now: float) -> None:
        assert self._config is not None
        if self._index < len(self._steps):
            self._launch(self._steps[self._index], now)
            return
        if self._deleting:
            self.status = Status(State.DONE, "The generator was deleted.")
            return
        try:
            self._config.runtime.write_marker(self._config.requirements)
        except OSError as error:
            self._fail(
                "folder", "The generator could not be marked as complete; is the disk full?", str(error)
            )
            return
        self.status = Status(State.DONE, "The generator is installed.")

    def _launch(self, step: Step, now: float) -> None:
        self.status.stage, self.status.step, self.status.of = (
            step.label,
            max(self._index, 0),
            len(self._steps),
        )
        assert self._config is not None
        self._heard, self._splitter = now, LineSplitter()
        self.lines.append(f"$ {' '.join(step.command)}")
        try:
            self._child = ChildProcess(
                step.command,
                cwd=self._config.runtime.folder,
                environment=self._environment(step),
                stderr_to_stdout=True,
            )
        except OSError as error:
            if self._index < 0:
                self._probed(-1, now)
            else:
                self._fail("install", step.failure, str(error))
            return
        self._child.close_stdin()

    def _environment(self, step: Step) -> dict[str, str]:
        plain = child_environment()
        return plain if step.asks_pip else pip_settings.environment(plain, self._pip_settings)

    def _stop_child(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()

    def _fail(self, code: str, message: str, detail: str) -> None:
        self.status = Status(State.FAILED, message, code, detail)


def error_line(lines: Iterable[str]) -> str:
    """What a program that failed said of it: its last line that names an error, else its last line; '' for none."""
    said = [line.strip() for line in lines if line.strip() and not line.startswith("$ ")]
    errors = [line for line in said if re.match(r"(?:\w*error|\w*exception)\b", line, re.IGNORECASE)]
    return shown((errors or said)[-1], MOST_OF_A_LINE) if said else ""


def delete_command(python: str, *places: Path) -> tuple[str, ...]:
    """The command that deletes files and folders, those that are there."""
    return (python, ISOLATED, "-c", DELETE, *map(str, places))


def install_steps(config: InstallConfig, python: str) -> list[Step]:
    """The commands of an installation on the base interpreter `python`."""
    venv_python, locks, downloads = str(config.runtime.python), config.requirements, config.runtime.downloads
    cpu_only = bool(config.cpu_index) and sys.platform.startswith("linux")
    index = (f"--index-url={config.cpu_index}",) if cpu_only else ()
    torch = locks / (TORCH_CPU if cpu_only else TORCH)
    broken = (
        "Downloading the packages failed; check the network and the free disk space, then press Install again: it "
        "goes on where it stopped."
    )

    def download(lock: Path, *options: str) -> tuple[str, ...]:
        return (venv_python, *DOWNLOAD, *LOCKED, *options, "--dest", str(downloads), "-r", str(lock))

    files = (f"--find-links={downloads}", "-r", str(torch), "-r", str(locks / PACKAGES))
    return [
        Step(
            "Creating the environment",
            (python, ISOLATED, "-m", "venv", *config.venv_options, str(config.runtime.venv)),
            "The environment could not be created; choose another folder or another Python.",
        ),
        Step(
            "Asking pip for its settings",
            (venv_python, *PIP, "config", "list"),
            "The settings of pip on this computer cannot be read; run `pip config list` in a terminal and mend them.",
            asks_pip=True,
        ),
        Step("Downloading torch", download(torch, *index), broken),
        Step("Downloading packages", download(locks / PACKAGES), broken),
        Step(
            "Installing",
            (venv_python, *INSTALL, *LOCKED, *files),
            "The packages could not be installed; check the free disk space, then press Install again.",
        ),
        Step(
            "Checking",
            (venv_python, ISOLATED, "-c", config.check),
            "The packages were installed but do not work together.",
        ),
        Step(
            "Tidying up",
            delete_command(venv_python, downloads),
            "The downloaded files could not be deleted; close other Blender windows and press Install again.",
        ),
    ]
