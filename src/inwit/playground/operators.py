"""The operators that `static/` runs, by PyTorch's names without their overloads. A test holds this list against the
interpreter's own, and another one each operator against PyTorch."""

from __future__ import annotations

# fmt: off
OPERATORS = frozenset([
    "_log_softmax", "_softmax", "_to_copy", "abs", "add", "addmm", "alias", "all", "amax", "amin", "any", "arange",
    "argmax", "argmin", "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "bmm", "cat", "ceil", "clamp",
    "clamp_max", "clamp_min", "clone", "constant_pad_nd", "copy", "cos", "cumsum", "detach", "div", "embedding",
    "empty", "eq", "erf", "exp", "expand", "flip", "floor", "floor_divide", "fmod", "full", "full_like", "gather",
    "ge", "gelu", "getitem", "gt", "index", "index_put", "index_select", "isinf", "isnan", "le", "lift_fresh_copy",
    "log", "log1p", "logical_and", "logical_not", "logical_or", "logical_xor", "lt", "max", "maximum", "mean", "min",
    "minimum", "mm", "mul", "native_layer_norm", "ne", "neg", "ones", "ones_like", "permute", "pow", "prod",
    "reciprocal", "relu", "remainder", "repeat", "round", "rsqrt", "rsub", "scalar_tensor", "scatter", "scatter_add",
    "select", "select_scatter", "sigmoid", "sign", "sin", "slice", "slice_scatter", "split_with_sizes", "sqrt",
    "squeeze", "sub", "sum", "tanh", "transpose", "trunc", "unsqueeze", "view", "where", "zeros", "zeros_like",
])
# fmt: on
