"""Any method, averaged over noisy copies of the inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, final, get_args

import torch
from torch import Tensor

from pellucid.core.expectation import Moments
from pellucid.core.pathway import Pathway
from pellucid.core.randomness import draws_from, noisy, spreads
from pellucid.core.tensors import Tensors, at, tensors_of
from pellucid.errors import InvalidArgument, check_count
from pellucid.methods.result import Attributions, attribution

Average: TypeAlias = Literal["smoothgrad", "smoothgrad_sq", "vargrad"]


@final
@dataclass(frozen=True, kw_only=True)
class NoiseTunnel:
    """A method's attributions of inputs with Gaussian noise, averaged.

    `smoothgrad`: E[a(x + e)], `smoothgrad_sq`: E[a(x + e)^2], `vargrad`: Var[a(x + e)], for e from N(0, stdevs^2)

    Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017, https://arxiv.org/abs/1706.03825;
    Adebayo et al., "Sanity checks for saliency maps", 2018, https://arxiv.org/abs/1810.03292.

    Args:
        method: Any method: called with a pathway at the noisy inputs and the arguments given.
        average: What is made of the noisy attributions.
        samples: Noisy copies per example.
        per_call: The most copies of the batch per call of the method; None takes all.
        stdevs: Standard deviation of the noise, one number or one for each input tensor.
        draw_baselines: Whether `baselines` are a distribution, of which each noisy copy draws one.
        seed: Gives every example its own stream of random numbers; None draws from the global generators.
        generator: Gives the seed.

    Examples:
        >>> from pellucid.methods import Saliency
        >>> path = Pathway.of(lambda x: (x**2).sum(1), torch.ones(1, 2))
        >>> smooth = NoiseTunnel(method=Saliency(), samples=10, stdevs=0.0)(path)
        >>> smooth.values, smooth.stderr
        ((tensor([[2., 2.]]),), (tensor([[0., 0.]]),))
    """

    method: Callable[..., Attributions]
    average: Average = "smoothgrad"
    samples: int = 5
    per_call: int | None = None
    stdevs: float | tuple[float, ...] = 1.0
    draw_baselines: bool = False
    seed: int | None = None
    generator: torch.Generator | None = None

    @attribution
    def __call__(self, path: Pathway, /, **arguments: Any) -> Attributions:
        """The averaged attributions, with standard errors.

        Args:
            path: From the inputs to one value per example.
            **arguments: What the method takes besides the pathway.

        Returns:
            Attributions of the shapes of the inputs; the method's deltas, one call after another.
        """
        if self.average not in get_args(Average):
            raise InvalidArgument(f"nt_type must be one of {', '.join(get_args(Average))}: got {self.average!r}.")
        moments, deltas = Moments(len(path), self.samples, orders=4 if self.average == "vargrad" else 2), []
        for places, samples, x, drawn in self._copies(path, arguments.get("baselines")):
            result = self.method(path.at(x, places), **(arguments | drawn))
            if any(len(value) != len(places) for value in result.values):
                raise InvalidArgument(f"the method inside must return attributions of each of {len(places)} examples.")
            squared = self.average == "smoothgrad_sq"
            moments.add(places, samples, tuple(v**2 for v in result.values) if squared else result.values)
            deltas += [] if result.delta is None else [result.delta]
        delta = torch.cat(deltas) if deltas else None
        if self.average == "vargrad":
            return Attributions(moments.variance, delta, moments.variance_stderr)
        return Attributions(moments.mean, delta, moments.stderr)

    def _copies(self, path: Pathway, baselines: Any) -> Iterator[tuple[Tensor, Tensor, Tensors, dict[str, Tensors]]]:
        """Noisy copies of the points of `path`: their places and samples, and the baselines drawn for them."""
        stdevs = spreads(self.stdevs, len(path.x))
        check_count("nt_samples", self.samples)
        most = (
            self.samples
            if self.per_call is None
            else min(self.samples, check_count("nt_samples_batch_size", self.per_call))
        )
        draws = draws_from(self.seed, self.generator, len(path))
        distributions = tensors_of(baselines, "baselines") if self.draw_baselines else ()
        chosen: list[Tensor] = []
        for done in range(0, self.samples, most):
            count = min(most, self.samples - done)
            # Captum draws baselines once for all full calls, and once more, after the noise, for a last smaller one.
            if done == 0:
                chosen = [draws.choice(len(each), len(path), count) for each in distributions]
            noise = tuple(draws.normal(x, count, stdev) for x, stdev in zip(path.x, stdevs, strict=True))
            if count < most:
                chosen = [draws.choice(len(each), len(path), count) for each in distributions]
            every = torch.arange(len(path) * count)
            for copies in every.view(-1, count).T if path.budget.whole else (every,):
                places = copies // count
                drawn = tuple(at((each,), index[copies])[0] for each, index in zip(distributions, chosen, strict=True))
                x = noisy(path.x, places, noise, copies)
                yield places, done + copies % count, x, {"baselines": drawn} if drawn else {}
