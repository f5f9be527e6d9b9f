#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything a developer or a curious newcomer runs, from a bare Python 3.11: `python dev.py COMMAND`.

    demo     make the demo: two hands play a recording in a .blend file, an FBX and a picture beside it
    test     style, types, import rules, then all tests, in Blender 4.5 and in Blender 5.2
    lint     the part of `test` before the tests
    format   put the code into the project's format
    build    build the Blender extension into dist/: a zip for each system and Blender, and their repository
    setup    only make the environments, .venv (Python 3.11) and .venv-blender52 (Python 3.13)
    lock     write the lock files anew, after a pin in pyproject.toml was changed (see locks/make.py)

Each command first makes the environments that it needs and leaves them alone when they are complete. It needs
nothing but the standard library. Only files whose hashes are locked are installed, from the index that pip asks here.
Where uv is on the path it installs them, in a fraction of the time, and fetches a Python that is missing. S2C_UV names
another uv; with `no` pip installs all the same.
With S2C_TORCH_INDEX set to the address of PyTorch's index of CPU builds (its install page names it), the much smaller
torch without CUDA is fetched from there.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
WINDOWS = os.name == "nt"
MARKER = "s2c-complete.json"
PROBE = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
ISOLATED = "-I"
"""Of our own children: neither the folder that this is run in nor Python's variables say what they import."""
PIP = (ISOLATED, "-m", "pip", "--disable-pip-version-check", "install", "--retries", "5", "--timeout", "60")
LOCKED = ("--require-hashes", "--only-binary", ":all:", "--no-deps")
UV_LOCKED = ("--require-hashes", "--only-binary", ":all:", "--index-strategy", "unsafe-best-match")
"""The strategy is pip's: any index may have a file. Its hash says that it is the right one."""
UV_SETTINGS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
}
"""Settings of pip's that say where packages are, and the variables that tell uv the same."""
UV = "S2C_UV"
TORCH_INDEX = "S2C_TORCH_INDEX"
TORCH_IS_FOR_CPU = "import importlib.metadata as m, sys; sys.exit('+cpu' not in m.version('torch'))"


class DevError(Exception):
    """What went wrong and what to do, in a sentence for whoever runs this script."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment in the checkout."""

    name: str
    version: str
    lock: str
    """Its lock file in `locks/`."""
    torch: bool = False
    """Whether torch goes in, too."""

    @property
    def folder(self) -> Path:
        """The environment's folder in the checkout."""
        return ROOT / self.name

    @property
    def python(self) -> Path:
        """The environment's own Python."""
        return self.script("python")

    def script(self, name: str) -> Path:
        """Path of a program that a package installed there, `name` without an ending."""
        return self.folder / ("Scripts" if WINDOWS else "bin") / (name + (".exe" if WINDOWS else ""))


MAIN = Environment(".venv", "3.11", "main.txt", torch=True)
BLENDER52 = Environment(".venv-blender52", "3.13", "blender52.txt")


@dataclass(frozen=True)
class Outcome:
    """One line of the closing table."""

    label: str
    code: int
    seconds: float
    closing: str
    """The last line that the step printed."""


# -- environments -----------------------------------------------------------------------------------------


def project() -> dict[str, Any]:
    """pyproject.toml, where every pin of this project is."""
    import tomllib  # not in the Python 3.10 whose user shall read a sentence, see main()

    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def locks(environment: Environment) -> list[Path]:
    """The lock files of an environment."""
    shipped = ROOT / "models" / "locks"
    torch = [shipped / "torch.txt", shipped / "torch-cpu.txt"] if environment.torch else []
    return [ROOT / "locks" / environment.lock, *torch]


def fingerprint(environment: Environment) -> str:
    """Changes whenever the environment has to be made anew or completed."""
    digest = hashlib.sha256(environment.version.encode())
    for path in locks(environment):
        digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


def probe(command: Sequence[str]) -> str:
    """'3.13' for a Python that runs and can make environments, else ''."""
    try:
        done = subprocess.run(
            [*command, ISOLATED, "-c", PROBE], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def python_candidates(version: str) -> Iterator[list[str]]:
    """Where a Python of this version may be: this one, the path, the launcher, pyenv, uv, usual folders."""
    yield [sys.executable]
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield [on_path]
    if WINDOWS and shutil.which("py"):
        yield ["py", f"-{version}"]
    home, variables = Path.home(), os.environ
    executable = "python.exe" if WINDOWS else f"bin/python{version}"
    pyenv = [Path(variables["PYENV_ROOT"])] if variables.get("PYENV_ROOT") else []
    pyenv += [home / ".pyenv", home / ".pyenv" / "pyenv-win"]
    uv = [Path(variables["UV_PYTHON_INSTALL_DIR"])] if variables.get("UV_PYTHON_INSTALL_DIR") else []
    uv += [home / ".local/share/uv/python", Path(variables.get("APPDATA", home)) / "uv" / "python"]
    patterns = [(root / "versions", f"{version}.*/{executable}") for root in pyenv]
    patterns += [(root, f"cpython-{version}.*/{executable}") for root in uv]
    if WINDOWS:
        programs = Path(variables.get("LOCALAPPDATA", home)) / "Programs" / "Python"
        patterns.append((programs, f"Python{version.replace('.', '')}/python.exe"))
    else:
        patterns.append((Path("/Library/Frameworks/Python.framework/Versions"), f"{version}/{executable}"))
        patterns += [
            (Path(folder), f"bin/python{version}") for folder in ("/opt/homebrew", "/usr/local", "/usr")
        ]
    for folder, pattern in patterns:
        yield from ([str(path)] for path in sorted(folder.glob(pattern), reverse=True))


def find_python(version: str) -> list[str] | None:
    """A command that starts a Python of this version able to make environments, or None."""
    return next((command for command in python_candidates(version) if probe(command) == version), None)


def ensure(environment: Environment) -> bool:
    """Make or complete an environment; False when no Python of its version is on this machine."""
    marker, wanted = environment.folder / MARKER, fingerprint(environment)
    if marker.is_file() and environment.python.exists() and marker.read_text("utf-8") == wanted:
        return True
    present = probe([str(environment.python)]) if environment.python.exists() else ""
    if present and present != environment.version:
        raise DevError(
            f"{environment.name} holds Python {present}, but {environment.version} is needed: "
            f"delete that folder and run this command again."
        )
    if not present:
        python = find_python(environment.version) or fetch_python(environment.version)
        if python is None:
            return False
        say(f"Making {environment.name} with Python {environment.version}")
        call([*python, ISOLATED, "-m", "venv", "--clear", str(environment.folder)])
    marker.unlink(missing_ok=True)
    say(f"Installing into {environment.name} what locks/{environment.lock} names")
    started = time.monotonic()
    tool = find_uv()
    if tool:
        install_with_uv(tool, environment)
    else:
        install_with_pip(environment)
    marker.write_text(wanted, "utf-8")
    say(f"{environment.name} is complete after {time.monotonic() - started:.0f} s")
    return True


def install_with_pip(environment: Environment) -> None:
    """Install an environment from its lock file with pip, which every Python has."""
    if environment.torch:
        install_torch(environment)
    install(environment, locks(environment)[0])


def install(environment: Environment, lock: Path, *options: str) -> None:
    """Install what a lock file names, hashes checked, with further `options` of pip."""
    call([str(environment.python), *PIP, *LOCKED, *options, "-r", str(lock)])


def install_torch(environment: Environment) -> None:
    """torch for the CPU alone where pip finds that, else the usual one, on Linux with its libraries for NVIDIA GPUs."""
    _, usual, for_cpu = locks(environment)
    index = os.environ.get(TORCH_INDEX, "")
    if index:
        install(environment, for_cpu, f"--index-url={index}")
    else:  # a mirror or a folder of files that pip knows may have it
        command = [str(environment.python), *PIP, *LOCKED, "-r", str(for_cpu)]
        subprocess.run(command, cwd=ROOT, env=variables(), capture_output=True, check=False)
    check = [str(environment.python), ISOLATED, "-c", TORCH_IS_FOR_CPU]
    if subprocess.run(check, env=variables(), capture_output=True, check=False).returncode:
        install(environment, usual)


# -- uv, where it is --------------------------------------------------------------------------------------


def find_uv() -> str | None:
    """The uv that installs; None where pip has to."""
    asked = os.environ.get(UV, "")
    return None if asked.lower() == "no" else shutil.which(asked or "uv")


def fetch_python(version: str) -> list[str] | None:
    """A Python of this version that uv brings, which then stays uv's; None without uv and where that fails."""
    tool = find_uv()
    if tool is None:
        return None
    say(f"No Python {version} was found: asking uv for one")
    done = subprocess.run([tool, "python", "install", version], cwd=ROOT, env=variables(), check=False)
    return find_python(version) if done.returncode == 0 else None


def install_with_uv(tool: str, environment: Environment) -> None:
    """Exactly what the lock files name, less what pip left behind. DevError when that fails."""
    main, *torch = locks(environment)
    command = [tool, "pip", "sync", "--python", str(environment.python), *UV_LOCKED]
    where = {**pip_settings(environment), **variables()}
    if torch:
        usual, for_cpu = torch
        index = os.environ.get(TORCH_INDEX, "")
        slim = [*command, *([f"--index={index}"] if index else []), str(main), str(for_cpu)]
        done = subprocess.run(slim, cwd=ROOT, env=where, capture_output=True, check=False)
        check = [str(environment.python), ISOLATED, "-c", TORCH_IS_FOR_CPU]
        if (
            not done.returncode
            and not subprocess.run(check, env=where, capture_output=True, check=False).returncode
        ):
            return
        command.append(str(usual))
    call([*command, str(main)], where)


def pip_settings(environment: Environment) -> dict[str, str]:
    """Where pip looks for packages, as uv's variables: uv reads no settings of pip's."""
    command = [str(environment.python), ISOLATED, "-m", "pip", "config", "list"]
    done = subprocess.run(command, env=variables(), capture_output=True, text=True, check=False)
    found = {}
    for line in done.stdout.splitlines():
        name, _, value = line.partition("=")
        variable = UV_SETTINGS.get(name.rpartition(".")[2])
        if variable:
            parts = str(ast.literal_eval(value)).split()
            found[variable] = ("," if variable == "UV_FIND_LINKS" else " ").join(parts)
    return found


def ensure_main() -> None:
    """Make the main environment or bring it up to date; DevError without a Python for it."""
    if not ensure(MAIN):
        raise DevError(f"No Python {MAIN.version} was found: install one and run this command again.")


# -- running ----------------------------------------------------------------------------------------------


def say(text: str) -> None:
    """Print a line that stands out between the output of other programs."""
    print(f"\n[dev] {text}", flush=True)


def variables() -> dict[str, str]:
    """The environment of child processes: nothing of the user's own Python packages leaks in."""
    plain = {name: value for name, value in os.environ.items() if not name.upper().startswith("PYTHON")}
    return {**plain, "PYTHONNOUSERSITE": "1", "PYTHONUTF8": "1"}


def call(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    """Run a command in the checkout. DevError when it fails."""
    code = subprocess.run(command, cwd=ROOT, env=environment or variables(), check=False).returncode
    if code:
        raise DevError(f"This failed with exit code {code}; its own words are above: {' '.join(command)}")


def step(label: str, command: Sequence[str], prefix: str = "") -> Outcome:
    """Run a command in the checkout, show its lines as they come and keep the last one.

    `prefix` goes before each line, to tell apart what runs side by side.
    """
    say(f"{label}: {' '.join(command)}")
    started = time.monotonic()
    closing = ""
    with subprocess.Popen(
        command, cwd=ROOT, env=variables(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            sys.stdout.buffer.write(prefix.encode() + line)
            sys.stdout.flush()
            closing = line.decode("utf-8", "replace").strip(" =\r\t\n") or closing
    return Outcome(label, child.returncode, time.monotonic() - started, closing)


def side_by_side(lanes: Sequence[Sequence[tuple[str, Sequence[str]]]]) -> list[Outcome]:
    """Run steps, those of a lane one after another, and as many lanes at once as there are cores."""

    def run(lane: Sequence[tuple[str, Sequence[str]]]) -> list[Outcome]:
        return [step(label, command, f"{label.split(',')[-1].strip()} | ") for label, command in lane]

    with ThreadPoolExecutor(min(len(lanes), os.cpu_count() or 1)) as pool:
        return [outcome for outcomes in pool.map(run, lanes) for outcome in outcomes]


def lint_steps() -> list[Outcome]:
    """Run ruff, mypy and the import contracts; each one's outcome."""
    python = str(MAIN.python)
    return [
        step("ruff check", [python, "-m", "ruff", "check", "."]),
        step("ruff format", [python, "-m", "ruff", "format", "--check", "--quiet", "."]),
        step("mypy", [python, "-m", "mypy"]),
        step("import rules", [str(MAIN.script("lint-imports")), "--no-cache"]),
    ]


def report(outcomes: Sequence[Outcome]) -> int:
    """Print the closing table; 1 when anything failed."""
    width = max(len(outcome.label) for outcome in outcomes)
    say("Summary")
    for outcome in outcomes:
        verdict = "FAILED" if outcome.code else "ok"
        print(f"  {outcome.label:<{width}}  {verdict:<6} {outcome.seconds:7.1f} s  {outcome.closing[:90]}")
    failed = sum(1 for outcome in outcomes if outcome.code)
    print(f"  {failed} of {len(outcomes)} steps failed." if failed else "  Everything passed.", flush=True)
    return int(failed > 0)


# -- commands ---------------------------------------------------------------------------------------------


def test() -> int:
    """Run all checks and all tests, in both Blenders where there is a Python for them."""
    ensure_main()
    has_52 = ensure(BLENDER52)
    outcomes = lint_steps()
    pytest = ("-m", "pytest")
    first = [str(MAIN.python), *pytest, "tests/models", "tests/training", "tests/end_to_end"]
    blenders = [("tests, Blender 4.5", [str(MAIN.python), *pytest, "tests/s2c_blender"])]
    if has_52:
        blenders.append(("tests, Blender 5.2", [str(BLENDER52.python), *pytest, "tests/s2c_blender"]))
    outcomes += side_by_side([[("tests, Python 3.11", first)], blenders])
    if not has_52:
        bar = "!" * 100
        print(
            f"\n{bar}\nNOT TESTED: Blender 5.2. It needs Python {BLENDER52.version}, and none was found.\n{bar}"
        )
        in_ci = os.environ.get("CI", "").lower() in ("1", "true")
        outcomes.append(
            Outcome("tests, Blender 5.2", int(in_ci), 0.0, f"NOT RUN: no Python {BLENDER52.version}")
        )
    return report(outcomes)


def lint() -> int:
    """Run ruff, mypy and the import contracts."""
    ensure_main()
    return report(lint_steps())


def format_code() -> int:
    """Apply ruff's safe fixes and its formatter."""
    ensure_main()
    call([str(MAIN.python), "-m", "ruff", "check", "--fix", "--quiet", "--exit-zero", "."])
    call([str(MAIN.python), "-m", "ruff", "format", "."])
    return 0


def build(arguments: Sequence[str]) -> int:
    """Build the extension's zips and their repository into dist/; `arguments` are those of extension.build."""
    ensure_main()
    command = [str(MAIN.python), "-m", "extension.build", *arguments]
    return subprocess.run(command, cwd=ROOT, env=variables(), check=False).returncode


def setup() -> int:
    """Make the environments, or bring them up to date."""
    ensure_main()
    if not ensure(BLENDER52):
        say(f"No Python {BLENDER52.version} was found: {BLENDER52.name} (tests in Blender 5.2) was left out.")
    return 0


def lock(arguments: Sequence[str]) -> int:
    """Write the lock files with the pinned uv, which gets an environment of its own."""
    (pin,) = project()["project"]["optional-dependencies"]["lock"]
    with tempfile.TemporaryDirectory() as folder:
        environment = Environment(folder, "", "")
        call([sys.executable, ISOLATED, "-m", "venv", folder])
        call([str(environment.python), *PIP, "--only-binary", ":all:", pin])
        call([sys.executable, ISOLATED, "locks/make.py", "--uv", str(environment.script("uv")), *arguments])
    return 0


def demo(arguments: Sequence[str]) -> int:
    """Make the demo film; `arguments` are those of demo.make_demo."""
    ensure_main()
    command = [str(MAIN.python), "-m", "demo.make_demo", *arguments]
    return subprocess.run(command, cwd=ROOT, env=variables(), check=False).returncode


def main() -> int:
    """Run the command of the command line; returns the exit status."""
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever runs this may well have an older one
        print(
            "dev.py needs Python 3.11 or newer: run it with that one, for instance `python3.11 dev.py test`."
        )
        return 2
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = {"test": test, "lint": lint, "format": format_code, "setup": setup}
    passing = {"demo": demo, "build": build, "lock": lock}
    parser.add_argument("command", choices=[*passing, *commands])
    known, rest = parser.parse_known_args()
    if rest and known.command not in passing:
        parser.error(f"unknown arguments: {' '.join(rest)}")
    try:
        return passing[known.command](rest) if known.command in passing else commands[known.command]()
    except DevError as error:
        print(f"\n[dev] {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
