"""inwit's own terms in a process that others share: what they set for all of PyTorch changes nothing inside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

DEVICES = ("cpu", "cuda")  # whose autocast others may have turned on


@contextmanager
def on_own_terms(threads: int | None = None) -> Iterator[None]:
    """Run with this many PyTorch threads (None leaves their number), gradients that can be switched on, float32, the
    CPU as default device, full precision; afterwards all is as it was.

    Not for the time between two updates of a generator: there the caller's terms hold.
    """
    before = torch.get_num_threads(), torch.get_default_dtype(), torch.get_float32_matmul_precision()
    with ExitStack() as terms:
        if torch.is_inference_mode_enabled():
            terms.enter_context(torch.inference_mode(False))
        terms.enter_context(torch.enable_grad())
        if torch.get_default_device().type != "cpu":
            terms.enter_context(torch.device("cpu"))
        for device in DEVICES:
            if torch.is_autocast_enabled(device):
                terms.enter_context(torch.autocast(device, enabled=False))
        try:
            _set(threads or before[0], torch.float32, "highest")
            yield
        finally:
            _set(*before)


def _set(threads: int, dtype: torch.dtype, precision: str) -> None:
    if torch.get_num_threads() != threads:  # setting it starts the library's threads anew
        torch.set_num_threads(threads)
    if torch.get_default_dtype() != dtype:
        torch.set_default_dtype(dtype)
    if torch.get_float32_matmul_precision() != precision:
        torch.set_float32_matmul_precision(precision)
