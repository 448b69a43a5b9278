"""The weakest attack that succeeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import takewhile
from typing import Any, final

from torch import Tensor

from pellucid.core.summaries import Summarized, summary
from pellucid.errors import InvalidArgument
from pellucid.robust.attempts import Attack, groups, outputs_of

Found = tuple[Any, "float | int | None"]
"""The attacked input, and the parameter; None where no attack succeeds."""


@final
class MinParamPerturbation(Summarized):
    """Finds the smallest parameter with which an attack has the model go wrong: the largest noise, say, that it stands.

    Parameters are `arg_min`, `arg_min + arg_step` and so on, below `arg_max`. "linear" tries one after another;
    "binary" halves the range each time, which finds the smallest where larger ones succeed, too.

    Args:
        forward_func: The model.
        attack: (inputs, **arguments) -> perturbed inputs.
        arg_name: The name of its parameter.
        arg_min: The smallest parameter.
        arg_max: What parameters are below.
        arg_step: How far they are apart.
        mode: "linear" or "binary".
        num_attempts: How often each parameter is tried, as for attacks that draw.
        preproc_fn: Makes the model's inputs.
        apply_before_preproc: Whether the attack changes what `preproc_fn` is given; else what it returns.
        correct_fn: (output, target=..., ...) -> whether the model is right. None: whether the largest column of an
            output (B, K) is the target for all rows.

    Examples:
        >>> import torch
        >>> from pellucid.robust import MinParamPerturbation
        >>> model = lambda x: torch.cat([x, 1 - x], dim=1)
        >>> weaken = lambda x, by: x - by
        >>> search = MinParamPerturbation(model, weaken, "by", arg_min=0, arg_max=1, arg_step=0.25)
        >>> search.evaluate(torch.tensor([[0.9]]), target=0)
        (tensor([[0.4000]]), 0.5)
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        attack: Attack,
        arg_name: str,
        arg_min: float,
        arg_max: float,
        arg_step: float,
        mode: str = "linear",
        num_attempts: int = 1,
        preproc_fn: Callable[..., Any] | None = None,
        apply_before_preproc: bool = False,
        correct_fn: Callable[..., bool] | None = None,
    ) -> None:
        if not isinstance(mode, str) or mode.upper() not in ("LINEAR", "BINARY"):
            raise InvalidArgument(f'mode must be "linear" or "binary": got {mode!r}.')
        if not arg_step > 0:
            raise InvalidArgument(f"arg_step must be above 0: got {arg_step}.")
        if not arg_max > arg_min + arg_step:
            raise InvalidArgument(f"arg_max must be above arg_min + arg_step, {arg_min + arg_step}: got {arg_max}.")
        if num_attempts < 1:
            raise InvalidArgument(f"num_attempts must be from 1 on: got {num_attempts}.")
        self.forward_func, self.attack = forward_func, attack
        self.arg_name, self.arg_min, self.arg_max, self.arg_step = arg_name, arg_min, arg_max, arg_step
        self.mode, self.num_attempts = mode.lower(), num_attempts
        self.preproc_fn, self.apply_before_preproc = preproc_fn, apply_before_preproc
        self.correct_fn = correct_fn if correct_fn is not None else default_correct_fn

    def evaluate(
        self,
        inputs: Any,
        additional_forward_args: Any = None,
        target: Any = None,
        perturbations_per_eval: int = 1,
        attack_kwargs: Mapping[str, Any] | None = None,
        correct_fn_kwargs: Mapping[str, Any] | None = None,
    ) -> Found:
        """Search.

        Args:
            inputs: What is attacked: whatever the attack, or `preproc_fn`, takes.
            additional_forward_args: The arguments of the model after the inputs.
            target: The right class, for `correct_fn`.
            perturbations_per_eval: How many attempts share a forward.
            attack_kwargs: Further arguments of the attack.
            correct_fn_kwargs: Further arguments of `correct_fn`.

        Returns:
            The attacked input, as the attack returned it, and its parameter; None for both where none succeeds.

        Raises:
            InvalidArgument: An argument is not what is described here.
        """
        judged = {**(correct_fn_kwargs or {}), **({} if target is None else {"target": target})}
        before, after = (None, self.preproc_fn) if self.apply_before_preproc else (self.preproc_fn, None)
        start = before(inputs) if before else inputs

        def first_success(parameters: list[float]) -> Found:
            for group in groups(parameters, perturbations_per_eval):
                attacked = [self.attack(start, **{**(attack_kwargs or {}), self.arg_name: each}) for each in group]
                ready = list(map(after, attacked)) if after else attacked
                outputs = outputs_of(self.forward_func, ready, additional_forward_args)
                for output, attempt, parameter in zip(outputs, attacked, group, strict=True):
                    if not self.correct_fn(output, **judged):
                        return attempt, parameter
            return None, None

        return self._linear(first_success) if self.mode == "linear" else self._binary(first_success)

    def _linear(self, first_success: Callable[[list[float]], Found]) -> Found:
        parameters = takewhile(lambda parameter: parameter < self.arg_max, self._parameters())
        return first_success([each for each in parameters for _ in range(self.num_attempts)])

    def _parameters(self) -> Iterator[float]:
        parameter = self.arg_min
        while True:
            yield parameter
            parameter = parameter + self.arg_step  # added up, not multiplied: users compare with Captum's numbers

    def _binary(self, first_success: Callable[[list[float]], Found]) -> Found:
        """Halve the range between a parameter that fails, or the smallest, and one that succeeds, or the largest."""
        low, high, step = self.arg_min, self.arg_max, self.arg_step
        found: Found = (None, None)
        while True:
            half = int((high - low) // step) // 2
            is_last = half == 0 and not low + step < high
            parameter = low + (half if half or is_last else 1) * step
            attempt = first_success([parameter] * self.num_attempts)
            if attempt[1] is None:
                low = parameter
            else:
                found, high = attempt, parameter
            if is_last:
                return found


def default_correct_fn(model_out: Tensor, target: int | Tensor) -> bool:
    """Whether the largest column of every row is the target.

    Args:
        model_out: The output, (B, K).
        target: One class, or one for each row.

    Returns:
        Whether all are right.

    Raises:
        InvalidArgument: The output has not two dimensions.
    """
    if not isinstance(model_out, Tensor) or model_out.dim() != 2:
        raise InvalidArgument(
            f"model must return an output (B, K) of classes: got {summary(model_out)}. Hint: correct_fn=..., which "
            "says whether an output is right."
        )
    return bool((model_out.argmax(dim=1) == target).all())
