"""What can be checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from pellucid.explanation.checking.verdict import Check
    from pellucid.explanation.explanation import Explanation


class Checkable:
    """The part of an explanation that checks it."""

    def check(
        self, model: Any = None, *, random_orders: int = 20, seed: int = 0, progress: bool | None = None
    ) -> Check:
        """Check from several sides how far it is to be trusted: a verdict each, with the number and what to do.

        Whether values add up; whether they say what taking features away does; whether their order is better than
        random ones; whether they stay under a little noise; whether they are others with random weights; whether a
        second method, and other baselines, agree. It is kept as `checked`, and saved with the explanation.

        Args:
            model: The model; None for the one that was explained, if it is still there.
            random_orders: How many random orders of features are tried.
            seed: Seeds what is drawn.
            progress: Whether a bar on standard error says how long it takes; None for where that is a terminal.

        Returns:
            The [Check][pellucid.Check], which prints as a list of verdicts and has plots.

        Raises:
            InvalidArgument: It was loaded, or made of another explanation; or the model is gone.

        Examples:
            >>> import pellucid, torch
            >>> model = torch.nn.Linear(4, 1)
            >>> pellucid.explain(model, torch.ones(3, 4)).check()["adds up"].grade
            'good'
        """
        from pellucid.explanation.checking.check import check

        explanation = cast("Explanation", self)
        checked = check(explanation, model, random_orders=random_orders, seed=seed, progress=progress)
        vars(self)["checked"] = checked
        return checked
