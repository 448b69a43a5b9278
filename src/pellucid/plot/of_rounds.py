"""How far the estimates of methods were from what they would become."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument, WrongType
from pellucid.plot.charts.curves import Curve, Curves
from pellucid.plot.explained import Explained
from pellucid.plot.headlines import in_unit, left_over, method_text, note_of

MOST_CURVES = 6


def convergence(explanations: Explained | Mapping[str, Explained], *, tolerance: float | None = None) -> Curves:
    """The largest error that was left after each round, against the evaluations that an example had taken.

    Args:
        explanations: One, or several by the names of methods.
        tolerance: The error that is small enough, drawn as a line; None for none.

    Raises:
        WrongType: The tolerance is no number.
        InvalidArgument: It is not above zero; there are no explanations, or one of them took no rounds.
    """
    _check_tolerance(tolerance)
    several = explanations if isinstance(explanations, Mapping) else {explanations.method: explanations}
    if not several:
        raise InvalidArgument("explanations must be at least one: got {}. Hint: {explanation.method: explanation}.")
    for name, explanation in several.items():
        if not explanation.rounds:
            raise InvalidArgument(
                f"explanations must have been made in rounds for 'convergence': got none of {name!r}. Hint: plot.bar()."
            )
    curves = tuple(Curve(name=method_text(name), points=tuple(each.rounds)) for name, each in several.items())
    first = next(iter(several.values()))
    points = [point for curve in curves for point in curve.known]
    missing = sum(len(curve.points) for curve in curves) - len(points)
    return Curves(
        title="How the error fell",
        curves=curves[:MOST_CURVES],
        tolerance=tolerance,
        label=in_unit("largest error left", first),
        note=note_of(
            "Errors of 0 are drawn at the bottom." if any(error <= 0 for _, error in points) else "",
            f"{missing} round{'s' * (missing != 1)} of unknown error {'is' if missing == 1 else 'are'} not drawn."
            if missing
            else "",
            left_over(len(curves), MOST_CURVES, "methods"),
        ),
    )


def _check_tolerance(tolerance: object) -> None:
    if tolerance is None:
        return
    message = f"tolerance must be a number above zero, or None: got {summary(tolerance)}. Hint: tolerance=0.01."
    if not isinstance(tolerance, int | float) or isinstance(tolerance, bool):
        raise WrongType(message)
    if not (tolerance > 0 and math.isfinite(tolerance)):
        raise InvalidArgument(message)
