"""Token ids: which inputs hold them, their embedding, and what stands for an absent token."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.core.model.inspection import root_modules
from pellucid.core.model.layers import SiteLike, resolve_site
from pellucid.data.nested import Path
from pellucid.errors import InvalidArgument

_TEXT_LOG = logging.getLogger("pellucid")

SPECIAL = ("pad_token_id", "bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id")
"""What configurations call the ids of special tokens."""


def holds_text(path: Path, value: Any) -> bool:
    """Whether an input holds the ids of tokens, by its name and type; those of a decoder are left to the model."""
    name = path[-1] if path else None
    is_named = isinstance(name, str) and name.endswith("input_ids") and not name.startswith("decoder")
    return is_named and isinstance(value, Tensor) and not value.is_floating_point()


def embedding_of(model: Any, embedding: SiteLike | None = None) -> nn.Module:
    """The module that embeds token ids.

    Args:
        model: The user's model.
        embedding: The user's choice, a module or its name.

    Raises:
        InvalidArgument: It is not to be seen.
    """
    if embedding is not None:
        return resolve_site(embedding, model, "embedding").modules[0]
    roots = root_modules(model)
    for root in roots:
        getter: Any = getattr(root, "get_input_embeddings", lambda: None)
        module = getter()
        if isinstance(module, nn.Module):
            return module
    modules = [module for root in roots for module in root.modules()]
    tables = [module for module in modules if isinstance(module, nn.Embedding | nn.EmbeddingBag)]
    if len(tables) != 1:
        raise InvalidArgument(
            f"embedding must name the module that embeds input_ids: the model has {len(tables)} embeddings. "
            'Hint: embedding="encoder.embed_tokens".'
        )
    return tables[0]


def untouched_tokens(inputs: Any, ids: Tensor, model: Any, tokenizer: Any = None) -> Tensor:
    """Which tokens are special or padding, bool (B, T): they stay where tokens are taken away.

    Args:
        inputs: The user's inputs, what a tokenizer returned or a mapping.
        ids: The ids, (B, T).
        model: The user's model.
        tokenizer: The tokenizer, if it is known.
    """
    untouched = torch.zeros_like(ids, dtype=torch.bool)
    mask = inputs.get("attention_mask") if isinstance(inputs, Mapping) else None
    if isinstance(mask, Tensor) and mask.shape == ids.shape:
        untouched |= mask.to(ids.device) == 0
    special = _special_tokens_mask(inputs, ids)
    if special is not None:
        return untouched | special
    numbers = getattr(tokenizer, "all_special_ids", None) or _special_ids_of(model)
    return untouched | torch.isin(ids, torch.tensor(list(numbers), dtype=ids.dtype, device=ids.device))


def absent_token(model: Any, tokenizer: Any = None) -> int | None:
    """What stands for an absent token: the mask token, else padding; None for a vector of zeros. It is logged."""
    config = _config_of(model)
    for name in ("mask_token_id", "pad_token_id"):
        for holder in (tokenizer, config):
            number = getattr(holder, name, None)
            if isinstance(number, int):
                _TEXT_LOG.info("%s %d stands for absent tokens. Hint: baselines=...", name.removesuffix("_id"), number)
                return number
    _TEXT_LOG.info("zeros stand for absent tokens, as there is no token for them. Hint: baselines=..., tokenizer=...")
    return None


def _special_tokens_mask(inputs: Any, ids: Tensor) -> Tensor | None:
    """What a tokenizer says of its special tokens."""
    given = inputs.get("special_tokens_mask") if isinstance(inputs, Mapping) else None
    encodings = getattr(inputs, "encodings", None)
    if given is None and encodings:
        given = [encoding.special_tokens_mask for encoding in encodings]
    if given is None or torch.as_tensor(given).shape != ids.shape:
        return None
    return torch.as_tensor(given).to(ids.device).bool()


def _config_of(model: Any) -> Any:
    return next((root.config for root in root_modules(model) if hasattr(root, "config")), None)


def _special_ids_of(model: Any) -> list[int]:
    config = _config_of(model)
    return [number for name in SPECIAL if isinstance(number := getattr(config, name, None), int)]


_REPLACED: ContextVar[tuple[nn.Module, list[tuple[Tensor, Tensor]]] | None] = ContextVar("embedded", default=None)
"""The embedding in this thread's forward, and what its outputs for some ids are replaced by."""


@contextmanager
def embedded(embedding: nn.Module, pairs: list[tuple[Tensor, Tensor]]) -> Iterator[None]:
    """Have an embedding return other vectors in this thread, once for each of some ids.

    Args:
        embedding: The module.
        pairs: Ids (n, T), and the vectors (n, T, D) that are returned for them.
    """
    waiting = list(pairs)
    token = _REPLACED.set((embedding, waiting))

    def replace(module: nn.Module, arguments: tuple[Any, ...], output: Any) -> Any:
        current = _REPLACED.get()
        if current is None or current[1] is not waiting or not arguments:
            return None
        ids = arguments[0]
        match = (index for index, (known, _) in enumerate(waiting) if _same_ids(known, ids))
        index = next(match, None)
        return None if index is None else waiting.pop(index)[1].view(output.shape)

    handle = embedding.register_forward_hook(replace, prepend=True)
    try:
        yield
    finally:
        handle.remove()
        _REPLACED.reset(token)


def _same_ids(known: Tensor, ids: Any) -> bool:
    return isinstance(ids, Tensor) and ids.numel() == known.numel() and torch.equal(ids.reshape(known.shape), known)
