"""Recipes from wherever they come: names, files in any encoding with a mark, pipes, standard input."""

from __future__ import annotations

import codecs
import io
import os
import sys
import threading
from pathlib import Path

import pytest

import inwit
from inwit import UserError
from inwit.training import recipes

TEXT = recipes.text("tutorial")


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]
)
def test_a_mark_at_the_beginning_says_the_encoding(encoding: str, tmp_path: Path) -> None:
    """Editors write one; Python does not where the order of bytes is given."""
    marks = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
    marks |= {"utf-32-le": codecs.BOM_UTF32_LE, "utf-32-be": codecs.BOM_UTF32_BE}
    path = tmp_path / "tutorial.toml"
    path.write_bytes(marks.get(encoding, b"") + TEXT.replace("\n", "\r\n").encode(encoding))
    assert inwit.resolve(path) == inwit.resolve("tutorial")


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("mine.toml", "mine"),
        ("mine.TOML", "mine"),
        ("mine", "mine"),
        ("a b'c\".toml", "a-b-c-"),
        (".hidden.toml", "hidden"),
        ("-x.toml", "x"),
        ("日本.toml", "custom"),
        (os.fsdecode(b"caf\xe9.toml"), "caf-"),
    ],
)
def test_any_file_name_will_do(name: str, recipe: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(TEXT)
    assert inwit.resolve(tmp_path / name).recipe == recipe


def test_a_file_does_not_hide_a_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "article").write_text(TEXT)
    assert inwit.resolve("article").world.id == "tutorial-v0"
    assert inwit.resolve("./article").world.id == "tutorial-v1"
    assert inwit.resolve(" tutorial ") == inwit.resolve("tutorial")


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(codecs.BOM_UTF8 + TEXT.encode())))
    config = inwit.resolve("-", seed=4)
    assert (config.recipe, config.seed, config.world.id) == ("stdin", 4, "tutorial-v1")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UserError, match="standard input holds no recipe"):
        inwit.resolve("-")


def test_a_pipe_of_a_shell() -> None:
    """`<(...)` is a path such as /dev/fd/63."""
    source, sink = os.pipe()

    def write() -> None:
        with os.fdopen(sink, "w") as file:
            file.write(TEXT)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert inwit.resolve(f"/dev/fd/{source}").recipe == "stdin"
    finally:
        writer.join()
        os.close(source)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a = " + b"[" * 3000, "nested too deeply"),
        (b"a = " + b"{a=" * 3000, "nested too deeply"),
        (b"[training]\nepisodes = " + b"1" * 5000, "not valid TOML"),
        (b"\xff\xfe\x00", "cannot read the recipe"),
        (b"caf\xe9", "cannot read the recipe"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(data: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "odd.toml").write_bytes(data)
    with pytest.raises(UserError, match=said) as refused:
        inwit.resolve(tmp_path / "odd.toml")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["n" * 300, "n" * 300 + ".toml", "a\0b", "a\0b.toml"])
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(UserError) as refused:
        inwit.resolve(name)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("given", "said"), [(b"", "holds no recipe"), (b" \n", "holds no recipe"), (b"x" * 1_000_001, "holds more than")]
)
def test_standard_input_that_holds_no_recipe(given: bytes, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
    with pytest.raises(UserError, match=f"standard input {said}"):
        inwit.resolve("-")
