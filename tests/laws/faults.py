"""Models that raise at any call of a module."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn.modules.module import register_module_forward_hook


class Fault(Exception):
    """What goes wrong."""


class Faults:
    """Counts what happens at the modules and raises at one of them, and at all after it.

    A forward of other rows than the batch's that fails is tried once more with the batch, whole.
    """

    def __init__(self, at: int | None, fault: type[BaseException]):
        self.at, self.fault, self.count = at, fault, 0

    def happens(self) -> None:
        self.count += 1
        if self.at is not None and self.count > self.at:
            torch.rand(1)  # as a model would that draws before it fails
            raise self.fault("here")


@contextmanager
def forward_faults(at: int | None = None, fault: type[BaseException] = Fault) -> Iterator[Faults]:
    """Something may happen after the forward of every module, of whatever model."""
    faults = Faults(at, fault)
    handle = register_module_forward_hook(lambda *_: faults.happens())
    try:
        yield faults
    finally:
        handle.remove()
