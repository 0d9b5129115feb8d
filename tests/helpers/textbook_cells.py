"""One step of a GRU and of an LSTM in plain operations, as in the textbook: the slow twins of the policies' cells."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def gru_cell_by_autograd(
    inputs: Float[Tensor, "B G"],
    hidden: Float[Tensor, "B H"],
    weight: Float[Tensor, "G H"],
    bias: Float[Tensor, " G"],
) -> Float[Tensor, "B H"]:
    """The same step in plain operations, as in the textbook."""
    reset_in, update_in, new_in = inputs.chunk(3, 1)
    reset_hidden, update_hidden, new_hidden = torch.addmm(bias, hidden, weight.t()).chunk(3, 1)
    reset, update = torch.sigmoid(reset_in + reset_hidden), torch.sigmoid(update_in + update_hidden)
    new = torch.tanh(new_in + reset * new_hidden)
    return new + update * (hidden - new)


def lstm_cell_by_autograd(
    inputs: Float[Tensor, "B G"],
    hidden: Float[Tensor, "B H"],
    cell: Float[Tensor, "B H"],
    weight: Float[Tensor, "G H"],
) -> tuple[Float[Tensor, "B H"], Float[Tensor, "B H"]]:
    """The same step in plain operations, as in the textbook."""
    keep, write, show, new = (inputs + hidden @ weight.t()).chunk(4, 1)
    cell = torch.sigmoid(keep) * cell + torch.sigmoid(write) * torch.tanh(new)
    return torch.sigmoid(show) * torch.tanh(cell), cell
