"""What others set for all of PyTorch changes nothing inside, and is as it was afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest
import torch

import inwit
from inwit.core.contracts import weights_of
from inwit.core.isolation import on_own_terms
from inwit.training.config import Config
from support import first_fast, python, small_config


def terms() -> tuple[object, ...]:
    """All that `on_own_terms` sets."""
    return (
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.backends.fp32_precision,
        *(product.fp32_precision for product in (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
    )


@contextmanager
def setting(change: Callable[[object], object], to: object, back: object) -> Iterator[None]:
    change(to)
    try:
        yield
    finally:
        change(back)


def doubles() -> AbstractContextManager[None]:
    return setting(torch.set_default_dtype, torch.float64, torch.float32)


def halves() -> AbstractContextManager[None]:
    return setting(torch.set_default_dtype, torch.float16, torch.float32)


def low_precision() -> AbstractContextManager[None]:
    return setting(torch.set_float32_matmul_precision, "medium", "highest")


def many_threads() -> AbstractContextManager[None]:
    return setting(torch.set_num_threads, 3, torch.get_num_threads())


@contextmanager
def reduced(place: object) -> Iterator[None]:
    """PyTorch's newer switch, which the older getter of the same thing does not bear."""
    place.fp32_precision = "tf32"  # type: ignore[attr-defined]
    try:
        yield
    finally:
        place.fp32_precision = "none"  # type: ignore[attr-defined]


FOREIGN = {
    "no gradients": torch.no_grad,
    "inference mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "another device": lambda: torch.device("meta"),
    "doubles": doubles,
    "halves": halves,
    "low precision": low_precision,
    "reduced products": lambda: reduced(torch.backends.cuda.matmul),
    "reduced everything": lambda: reduced(torch.backends),
    "threads": many_threads,
}


def tiny(updates: int) -> Config:
    """A world that is examined in no time."""
    world, training = {"max_operators": 1}, {"episodes": 32, "max_updates": updates, "confirm_at": 0}
    return inwit.resolve("calculator", world=world, policy={"width": 8}, training=training)


@pytest.mark.parametrize("foreign", first_fast(FOREIGN, 3))
def test_foreign_terms_change_nothing(foreign: str, runs: Path) -> None:
    """Training, resuming, evaluating, explaining, sampling and loading give the same bits, and terms are put back."""
    config = tiny(4)
    task = {"expression": "a-b", "operands": [1, 2]}
    usual = inwit.train(config)
    with FOREIGN[foreign]():
        before = terms()
        agent = inwit.train(tiny(2))
        assert agent.path is not None
        agent = inwit.resume(agent.path, training={"max_updates": 4}, tell=lambda text: None)
        results = [inwit.evaluate(agent), inwit.explain(agent, task), inwit.pass_at_k(agent, 2, 2)]
        loaded = inwit.load(usual.path or "")
        last = list(inwit.updates(config))[-1].agent
        assert terms() == before
    expected = [inwit.evaluate(usual), inwit.explain(usual, task), inwit.pass_at_k(usual, 2, 2)]
    assert results == expected
    for other in (agent, loaded, last):
        for name, tensor in weights_of(usual.policy).items():
            assert torch.equal(weights_of(other.policy)[name], tensor), name


def test_terms_are_put_back_after_an_error() -> None:
    before = terms()
    with ExitStack() as stack:
        stack.enter_context(pytest.raises(RuntimeError, match="inside"))
        stack.enter_context(on_own_terms(before[0] + 1 if isinstance(before[0], int) else 2))
        assert terms() != before
        raise RuntimeError("inside")
    assert terms() == before


def test_threads_that_overlap_put_everything_back() -> None:
    """Each leaves while the other is still inside, in both orders."""
    before = terms()

    def overlapping(first_out: int) -> list[tuple[object, ...]]:
        both, gone, seen = threading.Barrier(2), threading.Event(), []

        def run(number: int) -> None:
            with on_own_terms(2):
                both.wait()
                if number != first_out:
                    gone.wait()
                    seen.append(terms())
            gone.set()

        workers = [threading.Thread(target=run, args=(number,)) for number in (0, 1)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return seen

    with doubles():
        changed = terms()
        for first_out in (0, 1):
            [inside] = overlapping(first_out)
            assert inside[:2] == (2, torch.float32)
            assert terms() == changed
    assert terms() == before


def test_terms_within_terms() -> None:
    with on_own_terms(2):
        with on_own_terms(3):
            assert torch.get_num_threads() == 3
        assert torch.get_num_threads() == 2


@pytest.mark.slow
def test_a_fork_after_an_evaluation_works(runs: Path) -> None:
    """With the threads that PyTorch starts by itself the child would hang."""
    path = inwit.train(small_config()).path
    done = python(
        f"""
import multiprocessing, warnings, inwit
warnings.filterwarnings("ignore", message=".*fork")  # other libraries may have threads
def job(agent): return inwit.evaluate(agent).solved
if __name__ == "__main__":
    agent = inwit.load({str(path)!r})
    solved = inwit.evaluate(agent).solved
    inwit.explain(agent, {{"stage": 0, "operands": [1, 2, 3]}})
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.map_async(job, [agent]).get(timeout=60) == [solved]
""",
        OMP_NUM_THREADS="4",
    )
    assert done.returncode == 0, done.stderr


def test_a_copy_stays_as_it_is() -> None:
    copies = [(update.agent.copy(), update.agent) for update in inwit.updates(tiny(3))]
    first, last = copies[0][0], copies[-1][1]
    ours, theirs = weights_of(first.policy), weights_of(last.policy)
    assert any(not torch.equal(ours[name], theirs[name]) for name in ours)
    assert inwit.evaluate(first).problems == inwit.evaluate(last).problems
