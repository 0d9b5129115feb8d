"""Rules about the source itself: who imports whom, what is never called, and that importing does nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
import tokenize
from functools import cache
from pathlib import Path

import pytest

import inwit
from support import python

SOURCE = Path(inwit.__file__).parent
ROOT = Path(__file__).parents[2]
FILES = sorted(SOURCE.rglob("*.py"))

# Calls by name, and why they are not made.
FORBIDDEN = {
    "eval": "tables and parsers are safer",
    "exec": "nothing here needs it",
    "compile": "nothing here needs it",
    "torch.load": "it unpickles: weights are safetensors",
    "torch.save": "it pickles: weights are safetensors",
    "torch.manual_seed": "the global generator is the caller's",
    "torch.random.manual_seed": "the global generator is the caller's",
    "torch.cuda.manual_seed": "the global generator is the caller's",
    "torch.set_default_device": "the default device is the caller's",
    "torch.set_default_dtype": "the default type is the caller's",
    "np.random.seed": "the global generator is the caller's",
    "random.seed": "the global generator is the caller's",
}
ALLOWED = {("isolation.py", "torch.set_default_dtype")}  # it puts the caller's back
MODULES = {"pickle", "marshal", "shelve", "dill", "joblib", "random"}


def dotted(node: ast.expr) -> str:
    """`torch.manual_seed` of a call's function; empty for what has no such name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := dotted(node.value)):
        return f"{base}.{node.attr}"
    return ""


@cache
def trees() -> dict[Path, ast.Module]:
    """Every module of the package, parsed once."""
    parsed = {}
    for path in FILES:
        with tokenize.open(path) as file:
            parsed[path] = ast.parse(file.read())
    assert len(parsed) > 25
    return parsed


def misuses(path: Path, node: ast.AST) -> list[str]:
    if isinstance(node, ast.Call) and (name := dotted(node.func)) in FORBIDDEN and (path.name, name) not in ALLOWED:
        return [f"{path}:{node.lineno} calls {name}: {FORBIDDEN[name]}."]
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        return [f"{path}:{node.lineno} imports {name}." for name in names if name.split(".")[0] in MODULES]
    return []


def test_what_is_never_called() -> None:
    found = [line for path, tree in trees().items() for node in ast.walk(tree) for line in misuses(path, node)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = eval('1')", "calls eval"),
        ("import torch\ntorch.manual_seed(0)", "calls torch.manual_seed"),
        ("import json, pickle.x", "imports pickle.x"),
        ("from random import random", "imports random"),
    ],
)
def test_a_misuse_is_found(code: str, message: str) -> None:
    [found] = [line for node in ast.walk(ast.parse(code)) for line in misuses(Path("x.py"), node)]
    assert message in found


def test_every_module_says_what_it_is() -> None:
    silent = [str(path) for path, tree in trees().items() if not ast.get_docstring(tree)]
    assert not silent, f"Without a docstring: {', '.join(silent)}."


def test_layers() -> None:
    """The contract in pyproject.toml, by import-linter."""
    if not (ROOT / "pyproject.toml").exists():
        pytest.skip("There is no checkout around these tests.")
    code = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 kept, 0 broken" in done.stdout


IMPORT_ALL = """
import io, random, sys
from contextlib import redirect_stdout, redirect_stderr
import gymnasium, numpy, rich.live, rich.table, safetensors.torch, torch  # what those do when imported is theirs
before = torch.get_rng_state(), random.getstate(), str(numpy.random.get_state()), torch.get_num_threads()
settings = torch.get_default_dtype(), torch.get_default_device(), torch.are_deterministic_algorithms_enabled()
said = io.StringIO()
from importlib import import_module
with redirect_stdout(said), redirect_stderr(said):
    for name in sys.argv[1:]:
        import_module(name)
after = torch.get_rng_state(), random.getstate(), str(numpy.random.get_state()), torch.get_num_threads()
assert said.getvalue() == "", f"Importing prints {said.getvalue()!r}."
assert torch.equal(before[0], after[0]) and before[1:] == after[1:], "Importing touches a global generator or threads."
now = torch.get_default_dtype(), torch.get_default_device(), torch.are_deterministic_algorithms_enabled()
assert now == settings, "Importing changes a default of torch."
"""


@pytest.mark.slow
def test_importing_does_nothing() -> None:
    """Integrations excepted: they import what they integrate, which may do as it likes."""
    files = [path for path in FILES if path.name != "__main__.py" and path.parent.name != "integrations"]
    relative = [path.relative_to(SOURCE.parent).with_suffix("") for path in files]
    modules = [".".join(path.parts).removesuffix(".__init__") for path in relative]
    assert len(modules) > 25
    done = python(IMPORT_ALL, *modules)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


def test_the_public_names_exist() -> None:
    for name in inwit.__all__:
        assert getattr(inwit, name) is not None
    assert dir(inwit) == sorted(inwit.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = inwit.nothing
