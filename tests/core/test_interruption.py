"""Signals while a training runs: what is noted, what is left alone, and that every handler comes back."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from inwit.core.errors import UserError
from inwit.core.interruption import ENDS, checkpoint_signal, interruption

USR1 = signal.SIGUSR1


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Whatever a test does, the next one starts with the handlers of this one."""
    before = {number: signal.getsignal(number) for number in (*ENDS, USR1)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def noting(heard: list[int]) -> Any:
    return lambda number, frame: heard.append(number)


@pytest.mark.parametrize("number", ENDS)
def test_the_first_is_noted_and_a_second_does_what_it_did_before(number: signal.Signals) -> None:
    heard: list[int] = []
    signal.signal(number, handler := noting(heard))
    with interruption() as asked:
        signal.raise_signal(number)
        assert (asked.end, heard) == ([number], [])
        signal.raise_signal(number)
        assert (asked.end, heard) == ([number], [number])
    assert signal.getsignal(number) is handler
    assert signal.SIGHUP in ENDS


@pytest.mark.parametrize("number", ENDS)
def test_an_ignored_signal_stays_ignored(number: signal.Signals) -> None:
    """As after nohup, or in a background job."""
    signal.signal(number, signal.SIG_IGN)
    with interruption() as asked:
        signal.raise_signal(number)
        assert asked.end == []
    assert signal.getsignal(number) == signal.SIG_IGN


def test_a_handler_that_was_set_meanwhile_stays() -> None:
    heard: list[int] = []
    with interruption(USR1) as asked:
        signal.signal(signal.SIGTERM, mine := noting(heard))
        signal.signal(USR1, mine)
        signal.raise_signal(signal.SIGINT)  # puts back the others
        signal.raise_signal(signal.SIGTERM)
        assert asked.end == [signal.SIGINT]
    assert signal.getsignal(signal.SIGTERM) is mine
    assert signal.getsignal(USR1) is mine
    assert heard == [signal.SIGTERM]


@pytest.mark.parametrize("number", ENDS)
def test_a_training_inside_another_ends_both(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with interruption() as outer:
        with interruption() as inner:
            signal.raise_signal(number)
        assert inner.end == outer.end == [number]
        assert signal.getsignal(number) is before
    with interruption() as outer:
        with interruption() as inner:
            pass
        signal.raise_signal(number)
        assert (inner.end, outer.end) == ([], [number])
    assert signal.getsignal(number) is before


def test_a_checkpoint_is_asked_for_as_often_as_one_likes() -> None:
    with interruption(USR1) as asked:
        for _ in range(2):
            signal.raise_signal(USR1)
            assert asked.checkpoint
            assert asked.end == []
            asked.checkpoint = False
    assert signal.getsignal(USR1) == signal.SIG_DFL


def test_a_python_handler_of_that_signal_is_called_too() -> None:
    heard: list[int] = []
    signal.signal(USR1, handler := noting(heard))
    with interruption(USR1) as outer, interruption(USR1) as inner:
        signal.raise_signal(USR1)
        assert inner.checkpoint
        assert outer.checkpoint
    assert heard == [USR1]
    assert signal.getsignal(USR1) is handler


def test_what_is_not_pythons_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python could not put it back: it says None for it."""
    real = signal.getsignal
    monkeypatch.setattr(signal, "getsignal", lambda number: None if number in (USR1, signal.SIGHUP) else real(number))
    with interruption(USR1) as asked:
        assert not asked.heard
        assert real(USR1) == signal.SIG_DFL
    assert real(signal.SIGHUP) == signal.SIG_DFL


@pytest.mark.parametrize("number", [*ENDS, USR1])
def test_a_signal_that_comes_at_once(number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as it can be received, before the next line is run."""
    real, heard = signal.signal, []
    real(number, handler := noting(heard))

    def at_once(which: int, new: Any) -> Any:
        old = real(which, new)
        if which == number and new is not handler:
            signal.raise_signal(which)
        return old

    with monkeypatch.context() as patch:
        patch.setattr(signal, "signal", at_once)
        with interruption(USR1) as asked:
            assert (asked.end, asked.checkpoint) == (([], True) if number == USR1 else ([number], False))
    assert signal.getsignal(number) is handler
    assert heard == ([USR1] if number == USR1 else [])


def test_another_thread_receives_nothing() -> None:
    found: list[Any] = []

    def work() -> None:
        with interruption(USR1) as asked:
            found.extend([asked.end, asked.heard, signal.getsignal(USR1)])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [[], False, signal.SIG_DFL]


def test_an_event_loop_keeps_its_handler() -> None:
    async def main() -> tuple[Any, list[str]]:
        heard: list[str] = []
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, heard.append, "loop")
        before = signal.getsignal(signal.SIGTERM)
        with interruption() as asked:
            signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is before
        signal.raise_signal(signal.SIGTERM)
        await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        return asked.end, heard

    end, heard = asyncio.run(main())
    assert end == [signal.SIGTERM]
    assert heard


@pytest.mark.parametrize("name", ["SIGUSR1", "usr1", " SigUsr1\n"])
def test_a_signal_by_its_name(name: str) -> None:
    assert checkpoint_signal(name) == USR1
    assert checkpoint_signal("  ") is None


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("SIGUSR3", "unknown training.checkpoint_on 'SIGUSR3': did you mean 'SIGUSR"),
        ("10", "unknown training.checkpoint_on '10': valid: "),
        ("SIGTERM", "ends a training; valid: "),
        ("int", "ends a training"),
        ("SIGHUP", "ends a training"),
        ("SIGKILL", "is needed for something else"),
        ("SIGCHLD", "is needed for something else"),
    ],
)
def test_other_names_are_refused(name: str, why: str) -> None:
    with pytest.raises(UserError) as refused:
        checkpoint_signal(name)
    assert why in str(refused.value)
    assert "SIGUSR1" in str(refused.value)
