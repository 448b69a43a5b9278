"""The names of `captum._utils.typing`, for annotations."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Sequence
from typing import List, Literal, Optional, Protocol, Tuple, TypeAlias, TypeVar, Union, overload  # noqa: UP035

from torch import Tensor
from torch.nn import Module

__all__ = [
    "BaselineTupleType",
    "BaselineType",
    "BatchEncodingType",
    "List",
    "Literal",
    "Module",
    "ModuleOrModuleList",
    "Optional",
    "PassThroughOutputType",
    "Protocol",
    "SliceIntType",
    "TargetType",
    "Tensor",
    "TensorLikeList",
    "TensorLikeList1D",
    "TensorLikeList2D",
    "TensorLikeList3D",
    "TensorLikeList4D",
    "TensorLikeList5D",
    "TensorOrTupleOfTensorsGeneric",
    "TokenizerLike",
    "Tuple",
    "TupleOrTensorOrBoolGeneric",
    "TypeVar",
    "Union",
    "UserDict",
    "overload",
]

TensorOrTupleOfTensorsGeneric = TypeVar("TensorOrTupleOfTensorsGeneric", Tensor, tuple[Tensor, ...])
TupleOrTensorOrBoolGeneric = TypeVar("TupleOrTensorOrBoolGeneric", tuple[Tensor, ...], Tensor, bool)
ModuleOrModuleList = TypeVar("ModuleOrModuleList", Module, list[Module])
PassThroughOutputType = TypeVar("PassThroughOutputType")

BaselineTupleType: TypeAlias = tuple[Tensor | int | float, ...] | None
BaselineType: TypeAlias = Tensor | int | float | tuple[Tensor | int | float, ...] | None
TargetType: TypeAlias = int | tuple[int, ...] | Tensor | list[tuple[int, ...]] | list[int] | None
SliceIntType: TypeAlias = slice
BatchEncodingType: TypeAlias = UserDict[int | str, object]

TensorLikeList1D: TypeAlias = list[float]
TensorLikeList2D: TypeAlias = list[list[float]]
TensorLikeList3D: TypeAlias = list[list[list[float]]]
TensorLikeList4D: TypeAlias = list[list[list[list[float]]]]
TensorLikeList5D: TypeAlias = list[list[list[list[list[float]]]]]
TensorLikeList: TypeAlias = TensorLikeList1D | TensorLikeList2D | TensorLikeList3D | TensorLikeList4D | TensorLikeList5D


class TokenizerLike(Protocol):
    """What a tokenizer of a language model does, as those of Hugging Face do."""

    def encode(
        self, text: str, add_special_tokens: bool = True, return_tensors: str | None = None
    ) -> list[int] | Tensor:
        """The ids of a text's tokens."""
        ...

    def decode(self, token_ids: Tensor) -> str:
        """The text of ids."""
        ...

    def convert_ids_to_tokens(self, token_ids: list[int] | int) -> list[str] | str:
        """The tokens of ids."""
        ...

    def convert_tokens_to_ids(self, tokens: list[str] | str) -> list[int] | int:
        """The ids of tokens."""
        ...

    def __call__(
        self,
        text: str | Sequence[str] | Sequence[Sequence[str]] | None = None,
        add_special_tokens: bool = True,
        return_offsets_mapping: bool = False,
    ) -> BatchEncodingType: ...
