"""How large the source may be: functions, files, untyped signatures, loose modules; and which words are worlds' own."""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

import inwit

SOURCE = Path(inwit.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
LONGEST_FUNCTION = 50
LONGEST_FILE = 300
UNTYPED = 127  # annotations in signatures that contain `Any`
LOOSE_MODULES = 4  # files beside the wings

# Whoever shows results knows rows and columns. What they mean is the world's business.
SHOW_RESULTS = ("report/*", "core/result*", "core/shown.py", "core/text.py", "evaluation/*.py", "training/progress.py")
WORLDS_OWN = re.compile(r"calculator|tutorial|slots|stage[\s_-]+table", re.IGNORECASE)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def signature(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
    """The annotations of all arguments and of the result."""
    own = function.args
    arguments = [*own.posonlyargs, *own.args, *own.kwonlyargs, *filter(None, [own.vararg, own.kwarg])]
    return [each for each in [*(argument.annotation for argument in arguments), function.returns] if each is not None]


def names_any(annotation: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "Any" for node in ast.walk(annotation))


def words(path: Path) -> Iterator[tuple[int, str]]:
    """The identifiers, strings and comments of a Python file, or the lines of another file, with their line numbers."""
    if path.suffix != ".py":
        yield from enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        return
    middle = getattr(tokenize, "FSTRING_MIDDLE", None)  # the text of f-strings, from Python 3.12 on
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type in (tokenize.NAME, tokenize.STRING, tokenize.COMMENT, middle):
                yield token.start[0], token.string


def test_functions_are_short() -> None:
    long = [
        f"{path.relative_to(SOURCE)}:{function.lineno} {function.name}: {lines} lines"
        for path in FILES
        for function in functions(path)
        if (lines := (function.end_lineno or 0) - function.lineno + 1) > LONGEST_FUNCTION
    ]
    assert not long, f"A function has at most {LONGEST_FUNCTION} lines: {long}"


def test_files_are_short() -> None:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    long = [f"{path.relative_to(SOURCE)}: {count}" for path, count in lines.items() if count > LONGEST_FILE]
    assert not long, f"A file has at most {LONGEST_FILE} lines: {long}"


def test_signatures_have_types() -> None:
    counts = {
        str(path.relative_to(SOURCE)): sum(names_any(each) for each in annotations)
        for path in FILES
        if (annotations := [each for function in functions(path) for each in signature(function)])
    }
    most = sorted(counts.items(), key=lambda item: -item[1])[:10]
    assert sum(counts.values()) <= UNTYPED, f"`Any` stands in {sum(counts.values())} annotations, mostly of {most}"


def test_few_modules_stand_outside_the_wings() -> None:
    loose = sorted(path.name for path in SOURCE.glob("*.py"))
    assert len(loose) <= LOOSE_MODULES, f"Move some of {loose} into a wing."


@pytest.mark.parametrize("pattern", SHOW_RESULTS)
def test_whoever_shows_results_names_no_world(pattern: str) -> None:
    files = [path for path in SOURCE.glob(pattern) if path.is_file() and path.suffix in (".py", ".j2", ".css")]
    found = [
        f"{path.relative_to(SOURCE)}:{line} {match.group()}"
        for path in files
        for line, text in words(path)
        if (match := WORLDS_OWN.search(text))
    ]
    assert not found, f"These words belong to a world: {found}"


def test_words_are_found_wherever_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "sample.py"
    path.write_text('NUM_SLOTS = 1  # the Calculator\nx = f"{NUM} of the tutorial"\ny = """a\nstage table"""\n')
    found = [match.group() for _, text in words(path) if (match := WORLDS_OWN.search(text))]
    assert {"SLOTS", "Calculator", "tutorial", "stage table"} <= set(found)


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("def f(a: Any, *b: list[Any], c: int, **d: Any) -> dict[str, Any]: ...", 4),
        ("async def f(a: int) -> None:\n    def g(b: Any): ...", 1),
        ("def f(a, b: Anything) -> str: ...", 0),
    ],
)
def test_any_is_counted_in_signatures(source: str, count: int, tmp_path: Path) -> None:
    path = tmp_path / "sample.py"
    path.write_text(source)
    assert sum(names_any(each) for function in functions(path) for each in signature(function)) == count
