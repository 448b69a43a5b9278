"""The order of devices, for models that run on several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from pellucid.errors import InvalidArgument


def _sort_key_list(keys: list[torch.device], device_ids: list[int] | None = None) -> list[torch.device]:
    """Devices in the order of their ids; a single one as it is.

    Raises:
        InvalidArgument: Several devices are not among the ids.
    """
    if len(keys) == 1:
        return keys
    by_id = {key.index: key for key in keys}
    if device_ids is None or not by_id.keys() <= {*device_ids}:
        raise InvalidArgument(f"device_ids must hold those of all devices: expected {[*by_id]}, got {device_ids}.")
    return [by_id[device] for device in device_ids if device in by_id]


def _extract_device_ids(
    forward_fn: Callable[..., Any],
    saved_layer: Mapping[nn.Module, Mapping[torch.device, Any]],
    device_ids: list[int] | None,
) -> list[int] | None:
    """The ids given, or those of a data-parallel model whose layers ran on several devices.

    Raises:
        InvalidArgument: Layers ran on several devices, and nothing says on which.
    """
    if device_ids is not None or all(len(devices) < 2 for devices in saved_layer.values()):
        return device_ids
    ids: list[int] | None = getattr(forward_fn, "device_ids", None)
    if ids is None:
        raise InvalidArgument("device_ids must be given where layers run on several devices: got None.")
    return ids
