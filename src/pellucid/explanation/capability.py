"""Whether a method can explain a model: found out on one example, before all of them are waited for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from pellucid.core.summaries import Summarized
from pellucid.data.nested import entries_of
from pellucid.errors import collected_warnings
from pellucid.explanation.explaining import explain
from pellucid.methods.table import name_of_method


@final
@dataclass(frozen=True)
class Capability(Summarized):
    """Whether a method can explain a model; true where it can.

    Args:
        method: The name of the method.
        works: Whether it can.
        why: What went wrong, or what is in doubt; "" where nothing is.
        hint: What to type instead; "" where there is nothing to be done.
    """

    method: str
    works: bool
    why: str = ""
    hint: str = ""

    def __bool__(self) -> bool:
        return self.works

    def __repr__(self) -> str:
        said = f"{self.method}: {'works' if self.works else 'does not work'}"
        said += f". {self.why}" if self.why else ""
        return said + (f" Hint: {self.hint}" if self.hint else "")


def can_explain(model: Any, inputs: Any, method: Any = "auto", **arguments: Any) -> Capability:
    """Whether a method can explain a model, why not, and what to do: it is tried with the first example.

    Args:
        model: The model.
        inputs: Its inputs; all but the first example are left out where examples come first in all of them.
        method: The method; see [explain][pellucid.explain].
        **arguments: All else that `explain` is to be given.

    Returns:
        A [Capability][pellucid.Capability], which is true where the method works.

    Examples:
        >>> import pellucid, torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
        >>> pellucid.can_explain(model, torch.ones(5, 3), "grad_cam")
        grad_cam: does not work. source must be a layer for grad_cam: got None. Hint: source='2'.
        >>> bool(pellucid.can_explain(model, torch.ones(5, 3), "integrated_gradients"))
        True
    """
    name = _name_of(method)
    try:
        with collected_warnings() as messages:
            explain(model, _first_example(inputs, arguments), method=method, **arguments)
    except Exception as error:  # whatever the model raises is the answer
        return _failed(name, error)
    why, hint = _apart(messages[0]) if messages else ("", "")
    return Capability(name, True, why, hint)


def _name_of(method: Any) -> str:
    """What a method is called; several in a row."""
    if isinstance(method, list | tuple):
        return ", ".join(map(_name_of, method))
    if isinstance(method, str):
        return method
    return name_of_method(method if isinstance(method, type) else type(method))


def _failed(name: str, error: Exception) -> Capability:
    notes = " ".join(getattr(error, "__notes__", ()))
    text = str(error).removeprefix("explain: ").split(" [inputs:")[0]
    why, hint = _apart(f"{text} {notes}".strip())
    return Capability(name, False, why, hint)


def _apart(message: str) -> tuple[str, str]:
    """What a message says, and its hint."""
    why, _, hint = message.partition(" Hint: ")
    return why, hint


def _first_example(inputs: Any, arguments: Any) -> Any:
    """The first example, where nothing else belongs to examples one by one."""
    of_examples = {"additional_forward_args", "additional_forward_kwargs", "batch_dim", "feature_mask"}
    of_examples |= {"counterfactuals"}
    is_of_all = isinstance(arguments.get("target"), str | int | None) and arguments.get("baselines") is None
    if of_examples & set(arguments) or not is_of_all or entries_of(inputs) is not None or not _has_rows(inputs):
        return inputs
    return inputs[:1]


def _has_rows(inputs: Any) -> bool:
    return hasattr(inputs, "shape") and len(inputs.shape) > 1 and inputs.shape[0] > 1
