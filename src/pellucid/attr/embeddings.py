"""What makes inputs attributable that have no gradients, or no module: embeddings, references of tokens, arguments."""

from __future__ import annotations

import difflib
import functools
import inspect
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.core.counts import check_count
from pellucid.core.tensors import is_floating
from pellucid.errors import InvalidArgument, NotFound, warn

_WRAPPED = ("module", "_orig_mod")
"""What data-parallel and compiled models call the model inside."""


class InterpretableEmbeddingBase(nn.Module):
    """What stands in the place of an embedding so that the model takes embedding vectors in place of token ids.

    Tensors of floating dtypes are taken for vectors and passed through; token ids are embedded, as by the embedding
    itself. Attributes that it does not have are the embedding's.

    Args:
        embedding: Any module.
        full_name: Its name in the model.

    Examples:
        >>> import torch
        >>> from pellucid.attr import InterpretableEmbeddingBase
        >>> layer = InterpretableEmbeddingBase(torch.nn.Embedding(10, 4), "embedding")
        >>> vectors = layer.indices_to_embeddings(torch.tensor([[1, 2, 3]]))
        >>> vectors.shape
        torch.Size([1, 3, 4])
        >>> layer(vectors) is vectors
        True
    """

    def __init__(self, embedding: nn.Module, full_name: str) -> None:
        super().__init__()
        self.num_embeddings: int | None = getattr(embedding, "num_embeddings", None)
        self.embedding_dim: int | None = getattr(embedding, "embedding_dim", None)
        self.embedding = embedding
        self.full_name = full_name
        self._home: tuple[Any, str] | None = None

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """The first argument, by position or else by name, where it is a vector; what the embedding says of token ids.

        Where the first is None, as the `input_ids` of a model that is given `inputs_embeds`, it is the first argument
        of a floating dtype.

        Raises:
            InvalidArgument: There is no argument.
        """
        values = [*inputs, *kwargs.values()]
        if not values:
            raise InvalidArgument(f"inputs must be the embeddings that stand for {self.full_name!r}: got no argument.")
        if isinstance(values[0], Tensor) and not is_floating(values[0]):
            return self.embedding(*inputs, **kwargs)
        vectors = (value for value in values if isinstance(value, Tensor) and is_floating(value))
        return next(vectors, None) if values[0] is None else values[0]

    def indices_to_embeddings(self, *input: Any, **kwargs: Any) -> Any:
        """What the embedding itself returns for its arguments."""
        return self.embedding(*input, **kwargs)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if "embedding" not in self.__dict__.get("_modules", {}):
                raise
            return getattr(self.embedding, name)

    def __enter__(self) -> InterpretableEmbeddingBase:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._home is not None and getattr(*self._home, None) is self:
            setattr(*self._home, self.embedding)


def configure_interpretable_embedding_layer(
    model: nn.Module, embedding_layer_name: str = "embedding"
) -> InterpretableEmbeddingBase:
    """Replace an embedding by one that takes vectors, until it is removed.

    In a `with` statement it is put back at the end, also after an error. No replacement is needed where a layer method,
    such as `LayerIntegratedGradients`, explains the embedding itself.

    Args:
        model: The model.
        embedding_layer_name: The dotted name of the embedding, or of a block that holds it. In a data-parallel or
            compiled model it may also be the name in the model inside.

    Returns:
        What stands in its place.

    Raises:
        InvalidArgument: It has been replaced already.
        NotFound: The model has no module of this name.

    Examples:
        >>> import torch, warnings
        >>> from pellucid.attr import IntegratedGradients, configure_interpretable_embedding_layer
        >>> warnings.simplefilter("ignore")
        >>> model = torch.nn.Sequential(torch.nn.Embedding(10, 4), torch.nn.Flatten(), torch.nn.Linear(12, 2))
        >>> with configure_interpretable_embedding_layer(model, "0") as layer:
        ...     vectors = layer.indices_to_embeddings(torch.tensor([[1, 2, 3]]))
        ...     attributions = IntegratedGradients(model).attribute(vectors, target=1)
        >>> attributions.shape, model[0]
        (torch.Size([1, 3, 4]), Embedding(10, 4))
    """
    owner, name = _home_of(model, embedding_layer_name)
    embedding = getattr(owner, name)
    if isinstance(embedding, InterpretableEmbeddingBase):
        raise InvalidArgument(
            f"embedding_layer_name must not have been replaced already: got {embedding_layer_name!r}. "
            "Hint: remove_interpretable_embedding_layer(model, model.get_submodule(...))."
        )
    interpretable = InterpretableEmbeddingBase(embedding, embedding_layer_name)
    interpretable._home = owner, name
    interpretable.training = embedding.training  # and not `train`, which would set what is inside
    setattr(owner, name, interpretable)
    warn(
        f"{embedding_layer_name} is replaced by a layer that takes embeddings until "
        "remove_interpretable_embedding_layer puts it back; in a `with` statement it is put back at the end."
    )
    return interpretable


def remove_interpretable_embedding_layer(model: nn.Module, interpretable_emb: InterpretableEmbeddingBase) -> None:
    """Put an embedding back into a model; one that is back already stays.

    Args:
        model: The model.
        interpretable_emb: What stands in its place.

    Raises:
        NotFound: The model has no module of its name.

    Examples:
        >>> import torch, warnings
        >>> from pellucid.attr import configure_interpretable_embedding_layer, remove_interpretable_embedding_layer
        >>> warnings.simplefilter("ignore")
        >>> model = torch.nn.Sequential(torch.nn.Embedding(10, 4), torch.nn.Flatten())
        >>> layer = configure_interpretable_embedding_layer(model, "0")
        >>> remove_interpretable_embedding_layer(model, layer)
        >>> model[0]
        Embedding(10, 4)
    """
    owner, name = _home_of(model, interpretable_emb.full_name)
    standing = getattr(owner, name)
    if isinstance(standing, InterpretableEmbeddingBase):
        setattr(owner, name, standing.embedding)


def _home_of(model: Any, full_name: str) -> tuple[Any, str]:
    """The object that has a module of a model as an attribute, and the attribute's name.

    Raises:
        NotFound: There is none.
    """
    first, _, inner = full_name.partition(".")
    names = [full_name, inner] if first in _WRAPPED and inner else [full_name]
    for root in _with_wrapped(model):
        for *path, name in (candidate.split(".") for candidate in names):
            owner = functools.reduce(lambda value, attribute: getattr(value, attribute, None), path, root)
            if isinstance(getattr(owner, name, None), nn.Module):
                # A compiled module lets its attributes be read, not in all releases be written.
                return getattr(owner, "_modules", {}).get("_orig_mod", owner), name
    hint = _names_like(full_name, model) if isinstance(model, nn.Module) else ""
    raise NotFound(f"embedding_layer_name must be the name of a module of the model: got {full_name!r}.{hint}")


def _names_like(full_name: str, model: nn.Module) -> str:
    """A hint: the modules of a model whose names end with a name, or are like it."""
    known = [name for name, _ in model.named_modules() if name]
    close = [name for name in known if name.endswith(f".{full_name}")] or difflib.get_close_matches(full_name, known)
    return f" Hint: there is {', '.join(map(repr, close[:3] or known[:3]))}." if known else ""


def _with_wrapped(model: Any) -> list[Any]:
    """A model, and those inside of it that it wraps as a whole."""
    models = [model]
    while inside := [child for name in _WRAPPED if (child := getattr(models[-1], "_modules", {}).get(name))]:
        models.append(inside[0])
    return models


class TokenReferenceBase:
    """Makes references for sequences of tokens: the same token everywhere.

    Args:
        reference_token_idx: Its id, such as that of padding.

    Examples:
        >>> import torch
        >>> from pellucid.attr import TokenReferenceBase
        >>> TokenReferenceBase(reference_token_idx=1).generate_reference(3, torch.device("cpu"))
        tensor([1, 1, 1])
    """

    def __init__(self, reference_token_idx: int = 0) -> None:
        self.reference_token_idx = reference_token_idx

    def generate_reference(self, sequence_length: int, device: torch.device | str | None) -> Tensor:
        """A reference.

        Args:
            sequence_length: The number of tokens.
            device: Where it is.

        Returns:
            Ids, int64 [sequence_length].

        Raises:
            InvalidArgument: The number is below zero.
        """
        length = check_count("sequence_length", sequence_length, least=0)
        return torch.full((length,), self.reference_token_idx, dtype=torch.int64, device=device)


class InputIdentity(nn.Module):
    """A module that returns what it takes, for an argument of a model.

    Args:
        input_name: The name of the argument.
    """

    def __init__(self, input_name: str) -> None:
        super().__init__()
        self.input_name = input_name

    def forward(self, x: Any) -> Any:
        """The argument."""
        return x


class ModelInputWrapper(nn.Module):
    """A model whose arguments go through modules of their own, so that layer methods attribute to some of them.

    Args:
        module_to_wrap: The model. Arguments in `*args` and `**kwargs`, or that can only be given by name, have no
            module.

    Attributes:
        module: The model.
        arg_name_list: The names of its arguments.
        input_maps: A module for each of them, by its name.

    Examples:
        >>> import torch
        >>> from pellucid.attr import LayerIntegratedGradients, ModelInputWrapper
        >>> class Product(torch.nn.Module):
        ...     def forward(self, x, y):
        ...         return (x * y).sum(1)
        >>> model = ModelInputWrapper(Product())
        >>> method = LayerIntegratedGradients(model, model.input_maps["x"])
        >>> x, y = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])
        >>> method.attribute((x, y), baselines=(torch.zeros(1, 2), y)).round(decimals=4)
        tensor([[3., 8.]])
    """

    def __init__(self, module_to_wrap: nn.Module) -> None:
        super().__init__()
        self.module = module_to_wrap
        parameters = inspect.signature(module_to_wrap.forward).parameters.values()
        by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self.arg_name_list = [parameter.name for parameter in parameters if parameter.kind in by_position]
        self.input_maps = nn.ModuleDict({name: InputIdentity(name) for name in self.arg_name_list})
        self._unmapped = {parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}
        self._takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the model returns.

        Raises:
            KeyError: The model has no argument of a name.
        """
        count = len(self.arg_name_list)
        mapped = [self.input_maps[name](value) for name, value in zip(self.arg_name_list, args, strict=False)]
        named = {name: value if self._passes(name) else self.input_maps[name](value) for name, value in kwargs.items()}
        return self.module(*mapped, *args[count:], **named)

    def _passes(self, name: str) -> bool:
        """Whether an argument has no module."""
        return name not in self.arg_name_list and (self._takes_any or name in self._unmapped)
