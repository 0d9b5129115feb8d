"""`inwit doctor`: is everything here that a training needs, and what to do if not.

Look at the installation: versions, devices, threads, the runs folder (by writing to it), the terminal, and the
extras. The exit status is 0, or 1 if something stops trainings.

example: inwit doctor --json
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from inwit.commands.arguments import Parser, add_json, print_json
from inwit.commands.streams import LOOKALIKES, terminal_width
from inwit.core import storage
from inwit.core.errors import how_to_get
from inwit.core.text import plural, wrapped
from inwit.runs.folder import runs_folder
from inwit.version import __version__

PYTHON = ((3, 11), (3, 14))  # from this one on, and before this one
# Modules that inwit cannot do without, by the name of their package; the first is the one that may break in itself.
NEEDED = {name: name for name in ("torch", "numpy", "rich", "safetensors", "jaxtyping", "matplotlib", "duckdb")}
NEEDED |= {"jinja2": "jinja2", "gymnasium": "gymnasium", "PIL": "pillow", "websockets": "websockets"}
EXTRAS = {
    "rl": ("stable_baselines3", "sb3_contrib", "torchrl", "tensordict"),
    "hub": ("huggingface_hub",),
    "export": ("onnx", "onnxscript", "onnxruntime"),
    "track": ("tensorboard",),
    "browser": ("playwright", "axe_playwright_python"),
}
ROOM = 1e9  # bytes that should be free for runs


class Check(NamedTuple):
    name: str
    status: str  # ok, note, or problem: it stops trainings
    found: str
    fix: str = ""


def main(arguments: list[str]) -> int:
    parser = Parser(__doc__)
    add_json(parser)
    args = parser.parse_args(arguments)
    checks = [check for part in (_python, _packages, _devices, _runs, _terminal, _extras) for check in part()]
    healthy = all(check.status != "problem" for check in checks)
    if args.json:
        print_json({"healthy": healthy, "checks": [check._asdict() for check in checks]})
    else:
        for check in checks:
            said = f"{check.status:7}  {check.name:13}  {check.found}{f': {check.fix}' if check.fix else ''}"
            print(wrapped(said, terminal_width()))
        print("\nnothing stops a training here" if healthy else "\nwhat is marked as a problem stops trainings")
    return 0 if healthy else 1


def _python() -> Iterator[Check]:
    yield Check("inwit", "ok", f"{__version__} in {Path(__file__).parents[1]}")
    fits = PYTHON[0] <= sys.version_info[:2] < PYTHON[1]
    fix = "" if fits else "install Python 3.11, 3.12 or 3.13 and inwit for it"
    yield Check("python", "ok" if fits else "problem", f"{platform.python_version()} in {sys.executable}", fix)
    known = platform.system() in ("Linux", "Darwin")
    yield Check("system", "ok" if known else "note", f"{platform.system()} {platform.release()} {platform.machine()}")


def _packages() -> Iterator[Check]:
    wanted = _requirements()
    for module, package in NEEDED.items():
        try:
            import_module(module)
        except Exception as error:  # an ImportError, or what a broken library makes of its loading
            missing = isinstance(error, ModuleNotFoundError) and error.name == module
            found = "is not installed" if missing else f"cannot be imported ({' '.join(str(error).split())})"
            yield Check(package, "problem", found, f'pip install --force-reinstall "{wanted.get(package, package)}"')
            continue
        version = _version(package)
        fits = _fits(version, wanted.get(package, package))
        fix = "" if fits else f'inwit is made for others: pip install "{wanted[package]}"'
        yield Check(package, "ok" if fits else "note", version, fix)


def _requirements() -> dict[str, str]:
    """What inwit asks of each package, as in `torch<2.14,>=2.11`; empty where it runs from a folder of source."""
    try:
        every = metadata.requires("inwit") or []
    except metadata.PackageNotFoundError:
        return {}
    plain = [line for line in every if ";" not in line]
    return {package: line for package in NEEDED.values() for line in plain if line.startswith(package)}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "of unknown version"


def _fits(version: str, requirement: str) -> bool:
    try:
        from packaging.requirements import Requirement

        return Requirement(requirement).specifier.contains(version, prereleases=True)
    except Exception:  # no such package here, or a version that is none: then nothing is claimed
        return True


def _devices() -> Iterator[Check]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = os.environ.get("OMP_NUM_THREADS")
    said = "OMP_NUM_THREADS is not set" if threads is None else f"OMP_NUM_THREADS={threads}"
    fits = threads is None or (threads.isascii() and threads.isdigit() and 0 < int(threads[:9]) <= cores)
    fix = "" if fits else f"set it to a number from 1 to {cores}, or leave it unset"
    yield Check("threads", "ok" if fits else "note", f"{plural(cores, 'core')}; {said}", fix)
    try:
        from inwit.core.devices import usable_devices

        names = usable_devices()
    except Exception as error:  # torch is missing or broken, which was said above
        yield Check("devices", "note", f"not known ({type(error).__name__})")
        return
    fix = "" if len(names) > 1 else "no CUDA device is found; small agents train on the CPU"
    yield Check("devices", "ok", ", ".join(names), fix)


def _runs() -> Iterator[Check]:
    """By doing there what a training does: a file written, synced, renamed and locked."""
    folder = runs_folder().absolute()
    there = next((each for each in (folder, *folder.parents) if os.path.lexists(each)), folder)
    about = f"{folder}{'' if there == folder else ', to be made'}"
    fix = "set INWIT_RUNS to a folder that you can write to"
    notes: list[str] = []
    try:
        with suppress(FileNotFoundError):
            folder.lstat()  # a name that cannot be
        with storage.telling(notes.append), tempfile.TemporaryDirectory(prefix=".doctor-", dir=there) as at:
            storage.replace(Path(at) / "probe", b"inwit")
            if (Path(at) / "probe").read_bytes() != b"inwit":
                raise OSError("what is read is not what was written")
            locks = storage.has_locks(Path(at))
        free = shutil.disk_usage(there).free
    except OSError as error:
        yield Check("runs", "problem", f"{about}: {error.strerror or error}", fix)
        return
    notes += [] if locks else ["there are no locks here: let no two processes train one run"]
    notes += [] if free >= ROOM else [f"only {free / 1e6:,.0f} MB are free"]
    yield Check("runs", "note" if notes else "ok", f"{about}: can be written", "; ".join(notes))


def _terminal() -> Iterator[Check]:
    encoding = getattr(sys.stdout, "encoding", None) or "unknown"
    size = f"{shutil.get_terminal_size().columns} columns" if sys.stdout.isatty() else "not a terminal"
    colours = "no colours (NO_COLOR)" if os.environ.get("NO_COLOR") else f"TERM={os.environ.get('TERM', 'not set')}"
    try:
        "".join(LOOKALIKES).encode(encoding)
        fix = ""
    except (UnicodeError, LookupError):
        fix = "some signs are replaced: set PYTHONIOENCODING=utf-8 if the terminal shows UTF-8"
    yield Check("terminal", "note" if fix else "ok", f"{size}; encoding {encoding}; {colours}", fix)


def _extras() -> Iterator[Check]:
    for extra, modules in EXTRAS.items():
        absent = [module for module in modules if find_spec(module) is None]
        found = f"{', '.join(absent)} not installed" if absent else "installed"
        fix = f"if you need it, {how_to_get(extra)}" if absent else ""
        yield Check(f"inwit[{extra}]", "note" if absent else "ok", found, fix)
