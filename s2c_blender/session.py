# SPDX-License-Identifier: GPL-3.0-or-later
"""The one thing that goes on between button presses: a take being made and written, or a runtime being built.

`Session.pump(now)` does one small piece of work and returns. A persistent timer calls it in a window, the
operators call it in a loop where there is none, and tests call it themselves. Nothing of Blender's is held
between two pumps: undo and file loading free everything, so objects are found again by `session_uid`.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy

from . import delivery, keeping, preferences
from .core.installer import InstallConfig, Installer
from .core.jobs import STAGES, Job, JobMachine, Request, State, Status
from .core.runtime import PythonChoice, choose_python, user_data_folder
from .core.worker_client import WorkerConfig
from .faults import Fault
from .orders import TakeOrder
from .strip_audio import write_packed


@dataclass(frozen=True, kw_only=True)
class SessionConfig:
    """What tests and scripts may set apart from the preferences."""

    worker_command: tuple[str, ...] = ()
    """Command of the worker; empty runs `models.worker` in the chosen Python."""
    patience: dict[str, Any] = field(default_factory=dict)
    """Values for the time limits of `WorkerConfig`."""
    data_folder: Path | None = None
    """Where takes and logs are kept; None is the user data folder."""
    temporary_root: Path | None = None
    """Where a job's temporary files go; None is Blender's temporary folder."""
    step_seconds: float = 0.01
    """A pump goes on to the next small step of preparing or writing until this much time has passed."""
    writing_seconds: float = 0.005
    """Time between two ticks while keyframes are written."""
    interval_seconds: float = 0.04
    """Time between two ticks of the timer while something goes on."""
    idle_seconds: float = 1.0
    """Time between two ticks while nothing does; then the disk is asked whether the runtime is there."""

    def __post_init__(self) -> None:
        if not 0 < self.interval_seconds <= self.idle_seconds:
            raise ValueError(
                f"interval {self.interval_seconds} must be positive and at most idle {self.idle_seconds}"
            )


@dataclass(frozen=True)
class View:
    """What a panel draws about the session."""

    active: bool = False
    text: str = ""
    factor: float = 0.0
    message: str = ""
    error: bool = False


class Session:
    """The state of this Blender, in no file."""

    def __init__(self) -> None:
        self.config = SessionConfig()
        self.machine = JobMachine()
        self.installer = Installer()
        self.note = ""
        """One sentence that belongs to the last job without being an error."""
        self.check_text: list[str] = []
        """What the last runtime check found, line by line."""
        self.runtime_problem = ""
        """Why the generator cannot run, one sentence; empty when its Python is there."""
        self.drawn = 0.0
        """When the panels were last asked to draw while something went on (monotonic seconds)."""
        self._order: TakeOrder | None = None
        self._work: Iterator[str | float | None] | None = None
        self._work_label, self._work_factor = "", 0.0
        self._temporary: Path | None = None

    # -- what others ask ------------------------------------------------------------------------------

    @property
    def active(self) -> bool:
        """True while a job runs or its result is being written."""
        return self._work is not None or self.machine.active

    @property
    def working(self) -> bool:
        """True while Blender itself has something to do: a sound to copy, keyframes to write."""
        return self._work is not None

    @property
    def busy(self) -> bool:
        """True while anything goes on, an installation included."""
        return self.active or self.installer.active

    def data_folder(self) -> Path:
        """Where takes and logs lie."""
        return self.config.data_folder or user_data_folder()

    def view(self, now: float) -> View:
        """Everything a panel needs, without looking anything up."""
        status = self.machine.status
        if self._work is not None:
            return View(True, self._work_label, self._work_factor)
        if not self.machine.active:
            return View(False, message=status.message, error=status.state is State.FAILED)
        text = {
            State.STARTING: "Starting the generator",
            State.LOADING: "Loading the model",
            State.CANCELLING: "Cancelling",
        }.get(status.state, STAGES.get(status.stage, "Generating"))
        left = self.machine.seconds_left(now)
        if left is not None and status.state is State.RUNNING:
            text += f", {left:.0f} s left" if left < 90 else f", {left / 60:.0f} min left"
        return View(True, text, status.factor)

    # -- jobs -----------------------------------------------------------------------------------------

    def order_take(self, context: bpy.types.Context, order: TakeOrder) -> None:
        """Begin a take. Raises Fault when the worker's Python or the folders are not in order."""
        self._check_free()
        settings = self._worker_config(context)
        self._order, self.note = order, order.sound.note if order.sound is not None else ""
        self.machine.status = Status()
        self._work_label, self._work_factor = "Preparing", 0.0
        self._work = self._prepare(order, settings)

    def order_check(self, context: bpy.types.Context, midi: Path, preset: str) -> None:
        """Ask the worker what it is and time a short generation from the notes in `midi`."""
        self._check_free()
        settings = self._worker_config(context)
        self.check_text = []
        params = {
            "midi": str(midi),
            "output": str(midi.with_suffix(".npz")),
            "seed": 1,
            "fps": 30.0,
            "preset": preset,
        }
        device = preferred_device(context)
        job = Job("check", [Request("generate", {**params, "device": device})], preset, device)
        self.machine.start(job, settings, time.monotonic())

    def refuse(self, fault: Fault) -> None:
        """Show in the panel why a job could not begin."""
        if not self.active:
            self._finish(Status(State.FAILED, fault.message, fault.code, fault.detail))

    def check_ready(self, context: bpy.types.Context) -> None:
        """Raise Fault when no job could begin now, whatever it is."""
        self._check_free()
        self._worker_config(context)

    def dismiss(self) -> None:
        """Forget how the last job ended; nothing while one runs."""
        if not self.active:
            self.note = ""
            self._finish(Status())
        if self.installer.status.code:  # only an installation that failed has one
            self.installer.status = Status()

    def look_at_runtime(self, context: bpy.types.Context) -> bool:
        """Refresh `runtime_problem`. True when it changed."""
        before = self.runtime_problem
        self.runtime_problem = "" if self.config.worker_command else self._choose_python(context).problem
        return before != self.runtime_problem

    def temporary_folder(self) -> Path:
        """A new folder for one job's files, gone when the job is. Fault when it cannot be made."""
        self._forget_temporary()
        root = self.config.temporary_root or bpy.app.tempdir or tempfile.gettempdir()
        try:
            self._temporary = Path(tempfile.mkdtemp(prefix="s2c-", dir=root))
        except OSError as error:
            raise Fault(
                "temporary_folder",
                f'The folder for temporary files "{root}" cannot be written; '
                "choose another under Preferences > File Paths > Temporary Files.",
                str(error),
            ) from error
        return self._temporary

    def cancel(self, message: str = "Cancelled.") -> None:
        """Stop whatever goes on; the scene stays as it was."""
        if self._work is not None:
            self._work.close()  # type: ignore[attr-defined]
            self._finish(Status(State.IDLE, message))
        self.machine.cancel(time.monotonic(), message)
        self.installer.cancel()

    def install(self, context: bpy.types.Context) -> None:
        """Begin to build the runtime."""
        self.machine.unload()
        self.installer.install(self._install_config(context), time.monotonic(), online=bpy.app.online_access)

    def delete_runtime(self, context: bpy.types.Context) -> None:
        """Begin to delete the runtime; a running worker of it is ended first."""
        self.machine.unload()
        self.installer.delete(self._install_config(context), time.monotonic())

    def shutdown(self) -> None:
        """End the worker and forget everything, for quitting and unregistering."""
        self.cancel()
        self.machine.shutdown()
        self._order = None
        self._forget_temporary()

    # -- the pump -------------------------------------------------------------------------------------

    def pump(self, now: float) -> bool:
        """One small piece of work. Returns True when panels should be drawn again."""
        changed = self.installer.pump(now)
        if self._work is not None:
            return self._step() or changed
        was_active = self.machine.active
        changed = self.machine.pump(now) or changed
        if was_active and not self.machine.active:
            self._job_ended()
        return changed

    def wait(self) -> None:
        """Pump until nothing goes on. Only for a Blender without a window."""
        while self.busy:
            self.pump(time.monotonic())
            time.sleep(0.005)

    # -- inside ---------------------------------------------------------------------------------------

    def _check_free(self) -> None:
        if self.active:
            raise Fault("busy", "A take is being generated; wait for it or press Cancel first.")

    def _worker_config(self, context: bpy.types.Context) -> WorkerConfig:
        command = self.config.worker_command
        if not command:
            choice = self._choose_python(context)
            if choice.problem:
                raise Fault("no_runtime", choice.problem)
            command = (choice.path, "-m", "models.worker")
        folder = self.data_folder()
        log = folder / "logs" / "worker.log"
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            (folder / "takes").mkdir(exist_ok=True)
        except OSError as error:
            raise Fault(
                "data_folder",
                f'The folder "{folder}" for takes cannot be written; free or unlock it.',
                str(error),
            ) from error
        return WorkerConfig(
            command=command,
            root=preferences.ROOT,
            pycache=folder / "cache",
            log_file=log,
            **self.config.patience,
        )

    def _choose_python(self, context: bpy.types.Context) -> PythonChoice:
        chosen = preferences.get(context)
        python = bpy.path.abspath(chosen.python_path) if chosen is not None else ""
        return choose_python(python, preferences.runtime(context), preferences.REQUIREMENTS)

    def _install_config(self, context: bpy.types.Context) -> InstallConfig:
        chosen = preferences.get(context)
        return InstallConfig(
            runtime=preferences.runtime(context),
            requirements=preferences.REQUIREMENTS,
            index_url=chosen.index_url if chosen is not None else "",
        )

    def _prepare(self, order: TakeOrder, settings: WorkerConfig) -> Iterator[float | None]:
        if order.sound is not None:
            yield from write_packed(order.sound)
        if order.keep is not None:
            yield from keeping.write_keep(order.keep, order.params)
        params = order.params
        job = Job(
            "take",
            [Request("generate", params)],
            params["preset"],
            params["device"],
            params["allow_download"],
        )
        self.machine.start(job, settings, time.monotonic())

    def _step(self) -> bool:
        """One step of preparing or delivering; a Fault there ends the job in its sentence."""
        assert self._work is not None
        if bpy.app.is_job_running("RENDER"):
            return False  # the render reads the scene in another thread
        work, end = self._work, time.perf_counter() + self.config.step_seconds
        try:
            said = next(work)
            while not isinstance(said, str) and time.perf_counter() < end:
                self._work_factor = said or self._work_factor
                said = next(work)
            if isinstance(said, str):
                self._work_label = said
            else:
                self._work_factor = said or self._work_factor
            return isinstance(said, str)
        except StopIteration:
            self._work = None
            if not self.machine.active and self.machine.status.state is not State.FAILED:
                self._finish(self.machine.status)
        except Fault as fault:
            self._finish(Status(State.FAILED, fault.message, fault.code, fault.detail))
        except Exception as error:
            self._finish(
                Status(
                    State.FAILED,
                    "Writing the take failed because of a defect; see the system console.",
                    "defect",
                    repr(error),
                )
            )
            raise
        return True

    def _job_ended(self) -> None:
        job, status, order = self.machine.job, self.machine.status, self._order
        if job is not None and job.kind == "check":
            self.check_text = describe_check(job) if status.state is State.DONE else [status.message]
            self._forget_temporary()
        if order is None:
            return
        if status.state is not State.DONE or job is None:
            self._finish(status)
            return
        self._work_label, self._work_factor = "Writing keyframes", 0.0
        self._work = delivery.deliver(order, job.results[-1], job.seconds)

    def _finish(self, status: Status) -> None:
        self._work, self._order = None, None
        self.machine.status = status
        self._forget_temporary()

    def _forget_temporary(self) -> None:
        folder, self._temporary = self._temporary, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def preferred_device(context: bpy.types.Context) -> str:
    """The device named in the preferences."""
    chosen = preferences.get(context)
    return chosen.device if chosen is not None else "auto"


def describe_check(job: Job) -> list[str]:
    """A worker's answers as lines for the panel."""
    hello: dict[str, Any] = job.hello
    packages = hello.get("packages") or {}
    lines = [f"Python {hello.get('python', '?')}, torch {packages.get('torch', '?')}"]
    for device in hello.get("devices") or []:
        lines.append(f"{device.get('name', '?')}, {device.get('memory_gb', '?')} GB")
    for result in job.results:
        seconds, frames, fps = result.get("seconds") or {}, result.get("frames"), result.get("fps")
        total = seconds.get("total")
        if total and frames and fps:
            lines.append(
                f"Test: {frames / fps:.0f} s of music in {total:.1f} s on {result.get('device', '?')}"
            )
    return lines


session = Session()
