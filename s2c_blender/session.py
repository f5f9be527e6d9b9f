# SPDX-License-Identifier: GPL-3.0-or-later
"""The one thing that goes on between button presses: a take being made and written, or a runtime being built.

`Session.pump(now)` does one small piece of work and returns. A persistent timer calls it in a window, the
operators call it in a loop where there is none, and tests call it themselves. Nothing of Blender's is held
between two pumps: undo and file loading free everything, so objects are found again by `session_uid`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import bpy

from .core import built_in, logs, temporary
from .core.check_report import describe_check
from .core.edition import FULL
from .core.installation import Installation, NoInstallation
from .core.jobs import STAGES, Job, JobMachine, Request, State, Status
from .core.runtime import PythonChoice, first_usable, user_data_folder
from .core.time_left import in_words
from .core.worker_client import WorkerConfig, isolated_worker
from .errors import UserError
from .strip_audio import write_packed
from .takes import read_back, take_paths, unfinished, write_take
from .takes.take_file import FPS_TOLERANCE
from .takes.take_order import TakeOrder
from .ui import preferences

Work = Generator[str | float | None, None, None]
Choosing = Callable[[bpy.types.Context], Iterable[PythonChoice]]


def do_nothing() -> None:
    """There is no timer to wake."""


def no_pythons(_context: bpy.types.Context) -> Iterable[PythonChoice]:
    """There is none but the built-in one."""
    return ()


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
    interval_seconds: float = 0.02
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
    """One sentence about how the last job ended, or why it could not begin."""
    error: bool = False
    code: str = ""
    """Machine-readable name of the error; empty when there was none."""
    refused: bool = False
    """Whether the error kept a job from beginning; else it ended one."""


class Session:
    """The state of this Blender, in no file."""

    def __init__(self) -> None:
        self.config = SessionConfig()
        self.machine = JobMachine()
        self.installer: Installation = NoInstallation()
        """Builds or deletes an environment with torch; the full edition puts one here."""
        self.other_pythons: Choosing = no_pythons
        """Pythons that come before the built-in one; the full edition knows some."""
        self.note = ""
        """One sentence that belongs to the last job without being an error."""
        self.check_text: list[str] = []
        """What the last runtime check found, line by line."""
        self.runtime_problem = ""
        """Why the generator cannot run, one sentence; empty when its Python is there."""
        self.runtime = PythonChoice()
        """The Python that was chosen when it was last looked at."""
        self.wake: Callable[[], None] = do_nothing
        """Lets the timer tick now: while nothing goes on it sleeps for `idle_seconds`. Not to be called by a tick."""
        self.drawn = 0.0
        """When the panels were last asked to draw while something went on (monotonic seconds)."""
        self._order: TakeOrder | None = None
        self._work: Work | None = None
        self._begin_work: Callable[[], Work] | None = None
        """Begins what goes on afresh, after an undo in its midst; None while the take is there and only looked at."""
        self._undone = False
        self._work_label, self._work_factor = "", 0.0
        self._refused = False
        self._awaiting = False
        """Whether the end of a worker's job is still to be looked at."""
        self._delivering = False
        self._temporary: Path | None = None
        self._reserved: Path | None = None
        """The file whose name the running job has taken."""
        self._forsaken: list[Path] = []
        """Files that a worker which is being killed may still write."""

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

    def takes_folder(self) -> Path:
        """Where take files lie."""
        return self.data_folder() / "takes"

    def temporary_root(self) -> str | Path:
        """Where folders for temporary files are made."""
        return self.config.temporary_root or bpy.app.tempdir or tempfile.gettempdir()

    def view(self, now: float) -> View:
        """Everything a panel needs, without looking anything up."""
        status = self.machine.status
        if self._work is not None:
            return View(True, self._work_label, self._work_factor)
        if not self.machine.active:
            return View(
                False,
                message=status.message,
                error=status.state is State.FAILED,
                code=status.code,
                refused=self._refused,
            )
        text = {
            State.STARTING: "Starting the generator",
            State.LOADING: "Loading the model",
            State.CANCELLING: "Cancelling",
        }.get(status.state, STAGES.get(status.stage, "Generating"))
        left = self.machine.seconds_left(now)
        if left is not None and status.state is State.RUNNING:
            text += f", {in_words(left)}"
        return View(True, text, status.factor)

    # -- jobs -----------------------------------------------------------------------------------------

    def order_take(self, context: bpy.types.Context, order: TakeOrder) -> None:
        """Begin a take. Raises UserError when the worker's Python or the folders are not in order."""
        self._check_free()
        try:
            settings = self._worker_config(context)
            output = take_paths.reserve(order.output)
        except UserError:
            self._forget_temporary()
            raise
        self._reserved = output
        if output in self._forsaken:
            self._forsaken.remove(output)
        order = replace(order, output=output, params={**order.params, "output": str(output)})
        self.dismiss()
        self._order, self.note = order, order.sound.note if order.sound is not None else ""
        self._begin("Preparing", lambda: self._prepare(order, settings))
        self.wake()

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
        self.dismiss()
        job = Job("check", [Request("generate", {**params, "device": device})], preset, device)
        self._start(job, settings)
        self.wake()

    def refuse(self, fault: UserError) -> None:
        """Show in the panel why a job could not begin."""
        if not self.active:
            self._finish(Status(State.FAILED, fault.message, fault.code, fault.detail))
            self._refused = True

    def dismiss(self) -> None:
        """Forget how the last job ended, or why none began; nothing while one runs."""
        if not self.active:
            self.machine.status, self.note, self._refused = Status(), "", False
        if self.installer.status.code:  # only an installation that failed has one
            self.installer.status = Status()

    def forget_preparation(self) -> None:
        """Let go of what was prepared for a job that does not begin."""
        if not self.active:
            self._forget_temporary()

    def check_ready(self, context: bpy.types.Context) -> None:
        """Raise UserError when no job could begin now, whatever it is."""
        self._check_free()
        self._worker_config(context)

    def choose_python(self, context: bpy.types.Context) -> PythonChoice:
        """The Python that would run the worker now."""
        return first_usable((*self.other_pythons(context), built_in.choose(preferences.WHEELS)))

    def look_at_runtime(self, context: bpy.types.Context) -> bool:
        """Refresh `runtime` and `runtime_problem`. True when one of them changed."""
        before = self.runtime, self.runtime_problem
        self.runtime = PythonChoice() if self.config.worker_command else self.choose_python(context)
        self.runtime_problem = self.runtime.problem
        return before != (self.runtime, self.runtime_problem)

    def temporary_folder(self) -> Path:
        """A new folder for one job's files, gone when the job is. UserError when it cannot be made or a job has one."""
        self._check_free()
        self._forget_temporary()
        self._temporary = temporary.make(self.temporary_root())
        return self._temporary

    def cancel(self, message: str = "Cancelled.") -> None:
        """Stop whatever goes on; the scene stays as it was."""
        if self._work is not None:
            self._work.close()
            done = self._begin_work is None
            self._finish(self.machine.status if done else Status(State.IDLE, message))
        self.machine.cancel(time.monotonic(), message)
        self._settle()
        self.installer.cancel()

    def before_undo(self) -> None:
        """Undo or redo is about to put other data in the place of what was read or written so far.

        What is read or written begins afresh after it.
        """
        if self._work is not None:
            self._work.close()
            self._undone = self._begin_work is not None

    def shutdown(self) -> None:
        """End the worker and forget everything, for quitting and unregistering."""
        self.cancel()
        self.machine.shutdown()
        self._settle()
        self._forget_temporary()
        self._forget_forsaken()

    # -- the pump -------------------------------------------------------------------------------------

    def pump(self, now: float) -> bool:
        """One small piece of work. Returns True when panels should be drawn again."""
        changed = self.installer.pump(now)
        self._forget_forsaken()
        if self._work is not None:
            return self._step() or changed
        changed = self.machine.pump(now) or changed
        return self._settle() or changed

    def wait(self) -> None:
        """Pump until nothing goes on. Only for a Blender without a window."""
        while self.busy:
            self.pump(time.monotonic())
            time.sleep(0.005)

    # -- inside ---------------------------------------------------------------------------------------

    def _check_free(self) -> None:
        if self.active:
            raise UserError("busy", "A take is being generated; wait for it or press Cancel first.")

    def _worker_config(self, context: bpy.types.Context) -> WorkerConfig:
        command = self.config.worker_command
        if not command:
            choice = self.choose_python(context)
            if choice.problem:
                raise UserError("no_runtime", choice.problem)
            self.runtime = choice
            command = isolated_worker(choice, preferences.ROOT, self.data_folder() / "cache")
        folder = self.data_folder()
        log = logs.log_path(folder / "logs")
        try:
            log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            logs.sweep(log.parent)
            self.takes_folder().mkdir(exist_ok=True)
        except OSError as error:
            raise UserError(
                "data_folder",
                f'The folder "{folder}" for takes cannot be written; free or unlock it.',
                str(error),
            ) from error
        return WorkerConfig(
            command=command,
            root=preferences.ROOT,
            log_file=log,
            **self.config.patience,
        )

    def _begin(self, label: str, work: Callable[[], Work]) -> None:
        """Begin work that is done step by step."""
        self._work_label, self._work_factor = label, 0.0
        self._begin_work, self._work, self._undone = work, work(), False

    def _prepare(self, order: TakeOrder, settings: WorkerConfig) -> Work:
        if order.sound is not None:
            yield from write_packed(order.sound)
        if order.keep is not None:
            yield from read_back.write_keep(order.keep, order.params)
        params = order.params
        job = Job(
            "take",
            [Request("generate", params)],
            params["preset"],
            params["device"],
            params["allow_download"],
        )
        if self._temporary is not None and temporary.remove_if_unused(self._temporary):
            self._temporary = None
        self._start(job, settings)

    def _start(self, job: Job, settings: WorkerConfig) -> None:
        """Give a job to the worker. A worker that cannot be started ends it at once."""
        self._awaiting = True
        self.machine.start(job, settings, time.monotonic())
        if self._work is None:
            self._settle()

    def _step(self) -> bool:
        """One step of preparing or delivering; a UserError there ends the job in its sentence."""
        assert self._work is not None
        if bpy.app.is_job_running("RENDER"):
            return False  # the render reads the scene in another thread
        if self._undone and self._begin_work is not None:
            self._begin("Writing keyframes" if self._delivering else "Preparing", self._begin_work)
        return self._advance(self._work)

    def _advance(self, work: Work) -> bool:
        end = time.perf_counter() + self.config.step_seconds
        try:
            said = next(work)
            while not isinstance(said, str) and time.perf_counter() < end:
                self._work_factor = said or self._work_factor
                said = next(work)
            if isinstance(said, str):
                self._work_label = said
                if said == write_take.LOOKING:
                    self._begin_work = None
            else:
                self._work_factor = said or self._work_factor
            return isinstance(said, str)
        except StopIteration:
            self._work = None
            if self._awaiting:
                self._settle()
            else:
                self._finish(self.machine.status)
        except UserError as fault:
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

    def _settle(self) -> bool:
        """What follows a job of the worker that is no longer active; True when one has ended now."""
        if not self._awaiting or self.machine.active:
            return False
        self._awaiting = False
        self._job_ended()
        return True

    def _job_ended(self) -> None:
        job, status, order = self.machine.job, self.machine.status, self._order
        if job is not None and job.kind == "check":
            done = status.state is State.DONE
            self.check_text = describe_check(job, self.runtime) if done else [status.message]
            self._forget_temporary()
        if order is None:
            return
        if status.state is not State.DONE or job is None:
            self._finish(status)
            return
        result, seconds = job.results[-1], job.seconds
        self._delivering = True

        def deliver() -> Work:
            _check_rate(order)
            yield from write_take.deliver(order, result, seconds)

        self._begin("Writing keyframes", deliver)

    def _finish(self, status: Status) -> None:
        """The end of every job, however it came."""
        if self._reserved is not None and status.state is not State.DONE:
            # A whole take stays where it can be applied by hand; where the job was given up it has no use.
            given_up = not (self._delivering and status.state is State.FAILED)
            take_paths.release(self._reserved, written=given_up and not _in_use(self._reserved))
            if not self._delivering:
                self._forsaken.append(self._reserved)
        self._work, self._begin_work, self._undone = None, None, False
        self._order, self._reserved = None, None
        self._delivering, self._refused = False, False
        self.machine.status = status
        unfinished.sweep()
        self._forget_temporary()

    def _forget_temporary(self) -> None:
        folder, self._temporary = self._temporary, None
        if folder is not None:
            temporary.remove(folder)

    def _forget_forsaken(self) -> None:
        """Remove what a worker has still written while it was being killed."""
        if not self._forsaken:
            return
        gone = not self.machine.ending
        for path in self._forsaken:
            take_paths.release(path, written=True)
        if gone:
            self._forsaken.clear()


def _check_rate(order: TakeOrder) -> None:
    """Raise UserError when a part of a take was made for another frame rate than what it is to be put into."""
    scene = read_back.by_uid(bpy.data.scenes, order.scene_uid)
    if not order.partial or scene is None:
        return
    rate, made = scene.render.fps / scene.render.fps_base, order.params["fps"]
    if abs(rate - made) > FPS_TOLERANCE:
        raise UserError(
            "rate_changed",
            f"The scene went from {made:g} to {rate:g} frames a second while a part of its take was made; "
            "change that back and redo the part.",
        )


def _in_use(take: Path) -> bool:
    """Whether something in Blender plays the take of this file."""
    marks = (read_back.read_marks(action) for action in bpy.data.actions)
    return any(found is not None and found.take == str(take) for found in marks)


def preferred_device(context: bpy.types.Context) -> str:
    """The device named in the preferences, where there is a choice."""
    chosen = preferences.get(context) if FULL else None
    return chosen.device if chosen is not None else "auto"


session = Session()
