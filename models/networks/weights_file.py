# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights of a model folder: what the file says it holds is compared with what the networks need, then it is read.

A `.safetensors` file begins with a list of its tensors. Names, kinds and shapes in it are compared with networks that
take no memory (`outline`), so a configuration or a file that asks for gigabytes is refused before they are taken.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from models.plain_file import WEIGHTS, open_plain

MOST_HEADER = 8 << 20
MOST_TENSORS = 20_000
MOST_NUMBERS = 1_000_000_000
"""Of all tensors together: the paper's networks have three quarters of it."""
KINDS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
"""Kinds of numbers that weights come in, and their bytes."""

Module = TypeVar("Module", bound=nn.Module)


class Misfit(ValueError):
    """Weights that are damaged or not of these networks; the text says which, in a few words."""


@dataclass(frozen=True)
class Stored:
    """A tensor as the file's list has it."""

    kind: str
    shape: tuple[int, ...]


class _Outline(TorchFunctionMode):
    """New tensors get a shape and no memory, and nothing is drawn into them."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in ("empty", "zeros", "ones", "rand", "randn"):
            # Always `empty`, and no sums below: without numbers they would load seconds' worth of libraries.
            return torch.empty(*args, **{**kwargs, "device": "meta"})
        if name in ("mul", "div", "add", "sub") and isinstance(args[1], (int, float)):
            return args[0]
        if name.endswith("_") and not name.endswith("__") and not name.startswith("_"):
            return args[0] if args else kwargs["tensor"]  # fill_, kaiming_uniform_, ...
        return func(*args, **kwargs)


def outline(build: Callable[[], Module]) -> Module:
    """What `build` makes, with shapes and no numbers; `load_into` gives it some."""
    with _Outline():
        return build()


def shapes_of(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """The shape of each of a module's tensors, by name."""
    return {name: tuple(value.shape) for name, value in module.state_dict().items()}


def read_list(path: Path) -> dict[str, Stored]:
    """The tensors that a weights file says it holds, found to lie in it.

    Raises:
        Misfit: it is no weights file. UserError: it cannot be opened (`models.plain_file`).
    """
    with open_plain(path, WEIGHTS) as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(MOST_HEADER, size - 8):
            raise Misfit("they do not begin with a list of tensors")
        text = file.read(length)
    try:
        entries = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Misfit("their list of tensors is no JSON") from error
    if not isinstance(entries, dict) or len(entries) > MOST_TENSORS:
        raise Misfit("their list of tensors is none")
    entries.pop("__metadata__", None)
    return {name: _stored(name, entry, size - 8 - length) for name, entry in entries.items()}


def _stored(name: str, entry: Any, room: int) -> Stored:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise Misfit(f"the tensor {_short(name)} is not described")
    kind, shape, span = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or kind not in KINDS:
        raise Misfit(f"the tensor {_short(name)} holds another kind of numbers")
    if not (_sizes(shape) and _sizes(span) and len(shape) <= 8 and len(span) == 2):
        raise Misfit(f"the tensor {_short(name)} has no shape")
    if not (span[1] <= room and span[1] - span[0] == math.prod(shape) * KINDS[kind]):
        raise Misfit(f"the tensor {_short(name)} is cut off")
    return Stored(kind, tuple(shape))


def _sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(size) is int and 0 <= size < 2**48 for size in value)


def _short(name: str) -> str:
    return f'"{name}"' if len(name) <= 80 else f'"{name[:77]}..."'


def compare(found: Mapping[str, Stored], wanted: Mapping[str, tuple[int, ...]]) -> None:
    """Raise `Misfit` that names the first tensor that is missing, not known or of another shape."""
    numbers = sum(math.prod(shape) for shape in wanted.values())
    if numbers > MOST_NUMBERS:
        raise Misfit(
            f"the configuration asks for {min(numbers, 10**15):,} numbers, more than a model can have"
        )
    for name, shape in wanted.items():
        if name not in found:
            raise Misfit(f"the tensor {_short(name)} is missing")
        if found[name].shape != shape:
            has = "x".join(map(str, found[name].shape)) or "one number"
            needs = "x".join(map(str, shape)) or "one number"
            raise Misfit(f"the tensor {_short(name)} has the shape {has}, the configuration needs {needs}")
    for name in found:
        if name not in wanted:
            raise Misfit(f"the tensor {_short(name)} is not known")


def load_into(module: nn.Module, path: Path, names: Callable[[str], str | None] = lambda name: name) -> None:
    """Give an `outline` the numbers of a weights file, as float32.

    names: the module's name of a tensor of the file; None leaves it out.

    Raises:
        Misfit: the file is damaged, is of other networks, or holds numbers that are not finite. UserError: it cannot
            be opened.
    """
    stored = read_list(path)
    renamed = {name: new for name in stored if (new := names(name)) is not None}
    if len(set(renamed.values())) < len(renamed):
        raise Misfit("two tensors have the same name")
    compare({new: stored[name] for name, new in renamed.items()}, shapes_of(module))
    state: dict[str, Tensor] = {}
    for name, value in load_file(path).items():
        if name in renamed:
            # A copy: what lies in the file's memory would change with the file.
            numbers = value.to(torch.float32, copy=True)
            if not torch.isfinite(numbers).all():
                raise Misfit(f"the tensor {_short(name)} holds numbers that are not finite")
            state[renamed[name]] = numbers
    module.load_state_dict(state, strict=True, assign=True)
