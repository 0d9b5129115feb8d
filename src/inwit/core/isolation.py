"""inwit's own terms in a process that others share: what they set for all of PyTorch changes nothing inside."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

DEVICES = ("cpu", "cuda")  # whose autocast others may have turned on
BACKENDS: Any = torch.backends  # its stubs do not know all of it
PRODUCTS = (BACKENDS.cuda.matmul, BACKENDS.mkldnn.matmul)  # whose float32 may be computed in less

_lock = threading.RLock()
_inside: list[int] = []  # the threads that are inside, once for each entry
_outside: tuple[int, torch.dtype, list[str]] = (1, torch.float32, [])  # what holds for the process outside


@contextmanager
def on_own_terms(threads: int | None = None) -> Iterator[None]:
    """Run with this many PyTorch threads (None leaves their number), gradients that can be switched on, float32, the
    CPU as default device, full precision; afterwards all is as it was.

    Where several of Python's threads are inside at once, what holds for the process is put back when the last leaves.
    Not for the time between two updates of a generator: there the caller's terms hold.
    """
    with ExitStack() as terms:
        if torch.is_inference_mode_enabled():
            terms.enter_context(torch.inference_mode(False))
        terms.enter_context(torch.enable_grad())
        if torch.get_default_device().type != "cpu":
            terms.enter_context(torch.device("cpu"))
        for device in DEVICES:
            if torch.is_autocast_enabled(device):
                terms.enter_context(torch.autocast(device, enabled=False))
        terms.enter_context(_process_terms(threads))
        yield


@contextmanager
def _process_terms(threads: int | None) -> Iterator[None]:
    """Those terms that PyTorch has once for all of a process's threads."""
    global _outside
    me = threading.get_ident()
    with _lock:
        before = torch.get_num_threads()
        if not _inside:
            _outside = (before, torch.get_default_dtype(), [_precision(product) for product in PRODUCTS])
        _inside.append(me)
        _set(threads or before, torch.float32, ["none" if name == "none" else "ieee" for name in _outside[2]])
    try:
        yield
    finally:
        with _lock:
            _inside.remove(me)
            if not _inside:
                _set(*_outside)
            elif me in _inside:
                _set_threads(before)


def _precision(product: Any) -> str:
    """What was set for these products themselves: "none" where they follow what is set for all."""
    found = product.fp32_precision
    return "follows" if found != "none" and found == BACKENDS.fp32_precision else found


def _set(threads: int, dtype: torch.dtype, precisions: list[str]) -> None:
    _set_threads(threads)
    if torch.get_default_dtype() != dtype:
        torch.set_default_dtype(dtype)
    for product, name in zip(PRODUCTS, precisions, strict=True):
        wanted = "none" if name == "follows" else name
        if product.fp32_precision != wanted:
            product.fp32_precision = wanted


def _set_threads(count: int) -> None:
    if torch.get_num_threads() != count:  # setting it starts the library's threads anew
        torch.set_num_threads(count)
