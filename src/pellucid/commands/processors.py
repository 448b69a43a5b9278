"""Which processor a model runs on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pellucid.commands.usage import UsageError

if TYPE_CHECKING:
    import torch

NAMES = r"auto|cpu|mps|cuda(:\d+)?"


def processor_of(name: str, model: Any) -> torch.device:
    """The processor of a name; of "auto" the fastest there is, and for a model that is no module the CPU.

    Args:
        name: What `--device` says.
        model: The model, which may be anything.

    Raises:
        UsageError: There is no such processor.
    """
    import torch

    if not re.fullmatch(NAMES, name):
        raise UsageError(f"--device must be auto, cpu, cuda, cuda:1 or mps: got {name!r}.")
    counts = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available()), "cpu": 1}
    if name == "auto":
        usable = [kind for kind, count in counts.items() if count] if isinstance(model, torch.nn.Module) else ["cpu"]
        return torch.device(usable[0])
    device = torch.device(name)
    count = counts[device.type]
    if (device.index or 0) >= count:
        raise UsageError(f"--device {name}: torch sees {count or 'none'} here. Hint: --device auto.")
    return device


def in_words(device: torch.device) -> str:
    """A processor as a user knows it: `cuda, NVIDIA H200`, or `cpu, 2 threads`.

    Args:
        device: The processor.
    """
    import torch

    if device.type == "cuda":
        return f"{device}, {torch.cuda.get_device_name(device)}"
    threads = torch.get_num_threads()
    return f"{device}, {threads} thread{'s' * (threads != 1)}" if device.type == "cpu" else str(device)
