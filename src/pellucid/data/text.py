"""Token ids: which inputs hold them, their embedding, and what stands for an absent token."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn

from pellucid.core.model.hook_point import HOOK_LOCK
from pellucid.core.model.inspection import ModelInfo, root_modules
from pellucid.core.model.isolation import isolated
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


def holds_mask(path: Path) -> bool:
    """Whether an input says, by its name, which tokens there are: nothing to attribute to, also as floats."""
    return bool(path) and isinstance(path[-1], str) and path[-1].endswith("attention_mask")


def embedding_of(model: Any, call: Callable[[], Any], ids: Tensor, embedding: SiteLike | None = None) -> nn.Module:
    """The module that embeds token ids: the first table that a forward looks them up in.

    Args:
        model: The user's model, which is left as it was found.
        call: Calls it with the user's inputs, these very ids among them; the forward ends at their table.
        ids: The ids.
        embedding: The user's choice, a module or its name.

    Raises:
        InvalidArgument: No table is asked for these ids.
    """
    if embedding is not None:
        return resolve_site(embedding, model, "embedding").modules[0]
    asked: list[nn.Module] = []

    def notice(module: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        if _FORWARD.get() is not asked:
            return
        given = _first_of(arguments, keywords)
        if _are(ids, given):
            asked.insert(0, module)
            raise _Asked(asked)
        if _equal(ids, given):
            asked.append(module)

    modules = _tables(model)
    token = _FORWARD.set(asked)
    with HOOK_LOCK:
        handles = [module.register_forward_pre_hook(notice, with_kwargs=True) for module in modules]
    try:
        with isolated(ModelInfo.of(model), ids.device, create_graph=False):
            call()
            raise _Asked(asked)  # as an error does, this also restores the random state
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
    own = [module for module in map(_own_table, roots) if isinstance(module, nn.Module)]
    modules = (module for root in roots for module in root.modules())
    tables = [module for module in modules if isinstance(module, nn.Embedding | nn.EmbeddingBag)]
    return list(dict.fromkeys([*tables, *own]))


def _own_table(root: Any) -> Any:
    """What a model calls its embedding; None where it has none, or several, as those of texts and images."""
    try:
        return root.get_input_embeddings() if hasattr(root, "get_input_embeddings") else None
    except NotImplementedError as error:
        return _no_table(error)


def _no_table(error: Exception) -> None:
    return None


def untouched_tokens(
    ids: Tensor, model: Any, tokenizer: Any = None, *, attention: Any = None, special: Any = None
) -> Tensor:
    """Which tokens are special or padding, bool (B, T): they stay where tokens are taken away.

    Args:
        ids: The ids, (B, T).
        model: The user's model.
        tokenizer: The tokenizer, if it is known.
        attention: The mask of those that are no padding, if there is one.
        special: The mask of those that are special, if there is one.
    """
    untouched = torch.zeros_like(ids, dtype=torch.bool)
    if isinstance(attention, Tensor) and attention.shape == ids.shape:
        untouched |= attention.to(ids.device) == 0
    if special is not None and (of_tokens := torch.as_tensor(special, device=ids.device)).shape == ids.shape:
        return untouched | of_tokens.bool()
    if tokenizer is None:
        _TEXT_LOG.info("special tokens are those of the model's configuration. Hint: tokenizer=...")
    numbers = _special_ids((tokenizer,)) or _special_ids(_configs_of(model))
    return untouched | torch.isin(ids, torch.tensor(sorted(numbers), dtype=ids.dtype, device=ids.device))


def absent_token(model: Any, tokenizer: Any = None, *, embedded: bool) -> int | None:
    """What stands for an absent token: the mask token, else padding; None for a vector of zeros. It is logged.

    Args:
        model: The user's model.
        tokenizer: The tokenizer, if it is known.
        embedded: Whether vectors are replaced, and not ids.

    Raises:
        InvalidArgument: There is neither, and ids are replaced.
    """
    for name in ("mask_token_id", "pad_token_id"):
        for holder in (tokenizer, *_configs_of(model)):
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


def special_tokens_of(encoding: Any) -> Any:
    """What an encoding of a fast tokenizer knows of its special tokens, lists of 0 and 1; None for other inputs."""
    encodings = getattr(encoding, "encodings", None)
    return [entry.special_tokens_mask for entry in encodings] if encodings else None


def _configs_of(model: Any) -> list[Any]:
    """The configuration of a model, and that of its part for texts."""
    config = next((root.config for root in root_modules(model) if hasattr(root, "config")), None)
    return [config, getattr(config, "text_config", None)]


def _special_ids(holders: Iterable[Any]) -> set[int]:
    """The ids of special tokens that tokenizers or configurations name; unknown words are words."""
    numbers: set[int] = set()
    for holder in holders:
        numbers |= set(getattr(holder, "all_special_ids", ())) - {getattr(holder, "unk_token_id", None)}
        for name in SPECIAL:
            number = getattr(holder, name, None)
            numbers |= {entry for entry in (number if isinstance(number, list) else [number]) if isinstance(entry, int)}
    return numbers


@final
@dataclass(eq=False)
class Embedded:
    """Vectors that stand for token ids in a forward.

    Args:
        name: The input, for messages.
        module: The module that embeds the ids.
        ids: The ids (n, T), the very tensor that the model is given.
        vectors: What the module is to return for them, (n, T, D).
        count: How often it has.
    """

    name: str
    module: nn.Module
    ids: Tensor
    vectors: Tensor
    count: int = 0

    def in_place_of(self, output: Tensor) -> Tensor:
        """The vectors in the shape of the module's output; with its own of what the model has padded the ids by."""
        if output.numel() == self.vectors.numel():
            return self.vectors.view(output.shape)
        return torch.cat([self.vectors, output[:, self.ids.shape[1] :]], 1)


_REPLACED: ContextVar[list[Embedded] | None] = ContextVar("embedded", default=None)
"""What the outputs of embeddings for some ids are replaced by, in this thread's forward."""


@contextmanager
def embedded(texts: list[Embedded]) -> Iterator[None]:
    """Have embeddings return other vectors in this thread: whenever these ids are asked for, or once for equal ones.

    Equal ones may be a copy that the model has made, also one padded to blocks; or another text, as a decoder's, which
    has vectors of its own.

    Args:
        texts: The ids and their vectors.

    Raises:
        InvalidArgument: A module was not asked.
    """
    token = _REPLACED.set(texts)

    def replace(module: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any], output: Any) -> Any:
        given = _first_of(arguments, keywords)
        own = [text for text in texts if text.module is module and _REPLACED.get() is texts]
        these = [text for text in own if _are(text.ids, given)]
        equal = (text for text in own if not these and not text.count and _equal(text.ids, given))
        text = next(iter(these), None) or next(equal, None)
        if text is None:
            return None
        text.count += 1
        return text.in_place_of(output)

    with HOOK_LOCK:
        modules = dict.fromkeys(text.module for text in texts)
        handles = [module.register_forward_hook(replace, prepend=True, with_kwargs=True) for module in modules]
    try:
        yield
    finally:
        with HOOK_LOCK:
            for handle in handles:
                handle.remove()
        _REPLACED.reset(token)
    for text in texts:
        if not text.count:
            raise InvalidArgument(
                f"embedding must embed {text.name}: {type(text.module).__name__} was not asked for them. "
                "Hint: LayerIntegratedGradients at the embedding, where the model changes the ids."
            )


def _first_of(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    return next(iter((*arguments, *keywords.values())), None)


def _are(ids: Tensor, given: Any) -> bool:
    """Whether a module is called with these ids, in whatever shape."""
    return isinstance(given, Tensor) and given.numel() == ids.numel() and given.data_ptr() == ids.data_ptr()


def _equal(ids: Tensor, given: Any) -> bool:
    """Whether a module is called with ids that equal these, padded at the end or not."""
    if not isinstance(given, Tensor) or given.numel() < ids.numel():
        return False
    if given.numel() == ids.numel():
        return torch.equal(given.reshape(ids.shape), ids)
    is_padded = given.ndim == ids.ndim == 2 and len(given) == len(ids)
    return is_padded and torch.equal(given[:, : ids.shape[1]], ids)
