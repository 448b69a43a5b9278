"""Token ids: which inputs hold them, their embedding, and what stands for an absent token."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.core.model.hook_point import HOOK_LOCK
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


def embedding_of(model: Any, call: Callable[[], Any], ids: Tensor, embedding: SiteLike | None = None) -> nn.Module:
    """The module that embeds token ids: the first table that a forward looks them up in.

    Args:
        model: The user's model.
        call: Calls it with the user's inputs; the forward ends at the table.
        ids: The ids.
        embedding: The user's choice, a module or its name.

    Raises:
        InvalidArgument: No table is asked for these ids.
    """
    if embedding is not None:
        return resolve_site(embedding, model, "embedding").modules[0]
    asked: list[nn.Module] = []

    def notice(module: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        if _FORWARD.get() is asked and _are_of(ids, (*arguments, *keywords.values())):
            asked.append(module)
            raise _Asked(asked)

    modules = _tables(model)
    token = _FORWARD.set(asked)
    with HOOK_LOCK:
        handles = [module.register_forward_pre_hook(notice, with_kwargs=True) for module in modules]
    try:
        with torch.no_grad():
            call()
    except _Asked as signal:
        if signal.asked is not asked:
            raise
    finally:
        with HOOK_LOCK:
            for handle in handles:
                handle.remove()
        _FORWARD.reset(token)
    if asked:
        return asked[0]
    raise InvalidArgument(
        f"embedding must name the module that embeds input_ids: none of {len(modules)} embeddings is asked for them. "
        'Hint: embedding="encoder.embed_tokens".'
    )


class _Asked(BaseException):
    """Ends a forward once the table is found. No `Exception`, so that no code of the model handles it as an error."""

    def __init__(self, asked: list[nn.Module]) -> None:
        self.asked = asked


_FORWARD: ContextVar[list[nn.Module] | None] = ContextVar("asked", default=None)
"""The search that this thread's forward is for."""


def _tables(model: Any) -> list[nn.Module]:
    """The modules that ids may be looked up in: torch's, and what a model of transformers calls its embedding."""
    roots = root_modules(model)
    getters: list[Any] = [getattr(root, "get_input_embeddings", lambda: None) for root in roots]
    own = [module for module in (getter() for getter in getters) if isinstance(module, nn.Module)]
    modules = (module for root in roots for module in root.modules())
    tables = [module for module in modules if isinstance(module, nn.Embedding | nn.EmbeddingBag)]
    return list(dict.fromkeys([*tables, *own]))


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


def absent_token(model: Any, tokenizer: Any = None, *, embedded: bool) -> int | None:
    """What stands for an absent token: the mask token, else padding; None for a vector of zeros. It is logged.

    Args:
        model: The user's model.
        tokenizer: The tokenizer, if it is known.
        embedded: Whether vectors are replaced, and not ids.

    Raises:
        InvalidArgument: There is neither, and ids are replaced.
    """
    config = _config_of(model)
    for name in ("mask_token_id", "pad_token_id"):
        for holder in (tokenizer, config):
            number = getattr(holder, name, None)
            if isinstance(number, int):
                _TEXT_LOG.info("%s %d stands for absent tokens. Hint: baselines=...", name.removesuffix("_id"), number)
                return number
    if not embedded:
        raise InvalidArgument(
            "baselines must have an id for absent tokens of input_ids, as neither tokenizer nor model has mask or "
            'padding. Hint: baselines={"input_ids": tokenizer.eos_token_id}, or tokenizer=... that has a pad_token.'
        )
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


_REPLACED: ContextVar[list[tuple[Tensor, Tensor]] | None] = ContextVar("embedded", default=None)
"""What the outputs of the embedding for some ids are replaced by, in this thread's forward."""


@contextmanager
def embedded(embedding: nn.Module, pairs: list[tuple[Tensor, Tensor]]) -> Iterator[None]:
    """Have an embedding return other vectors in this thread, once for each of some ids.

    Args:
        embedding: The module.
        pairs: Ids (n, T), and the vectors (n, T, D) that are returned for them.
    """
    waiting = list(pairs)
    token = _REPLACED.set(waiting)

    def replace(module: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any], output: Any) -> Any:
        if _REPLACED.get() is not waiting:
            return None
        places = (index for index, (ids, _) in enumerate(waiting) if _are_of(ids, (*arguments, *keywords.values())))
        place = next(places, None)
        return None if place is None else waiting.pop(place)[1].view(output.shape)

    with HOOK_LOCK:
        handle = embedding.register_forward_hook(replace, prepend=True, with_kwargs=True)
    try:
        yield
    finally:
        with HOOK_LOCK:
            handle.remove()
        _REPLACED.reset(token)


def _are_of(ids: Tensor, arguments: tuple[Any, ...]) -> bool:
    """Whether a module is called with these ids."""
    given = arguments[0] if arguments else None
    return isinstance(given, Tensor) and given.numel() == ids.numel() and torch.equal(given.reshape(ids.shape), ids)
