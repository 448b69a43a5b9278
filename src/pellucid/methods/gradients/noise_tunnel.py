"""Any method, averaged over noisy copies of the inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, final, get_args

import torch
from torch import Tensor

from pellucid.core.evaluation.adaptive_sampling import MAX_SAMPLES_PER_ROUND, MOST_SAMPLES, AdaptiveSampler
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.moments import Moments
from pellucid.core.evaluation.point_samplers import select_block
from pellucid.core.problem.attributions import Attributions
from pellucid.core.random_streams import (
    RandomSource,
    Seed,
    add_gaussian_noise,
    random_source,
    resolve_seed,
    restoring_numpy_state_on_error,
    sample_baselines,
    stdev_per_input,
)
from pellucid.core.tensors import Tensors, batch_size_of, format_shapes
from pellucid.errors import InvalidArgument, check_count
from pellucid.methods.calling.attribution import attribution

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
        samples: Noisy copies per example; "auto" goes on with an example until its 95 % intervals are narrow.
        tolerance: With "auto", half the width of an interval that is narrow enough.
        relative: Whether this is a share of the example's largest attribution.
        most_samples: With "auto", where it gives up; the result tells which examples have `converged`.
        per_call: The most copies of the batch per call of the method; None takes all.
        stdevs: Standard deviation of the noise, one number or one for each input tensor.
        draw_baselines: Whether `baselines` are a distribution, of which each noisy copy draws one.
        stderr: Whether to estimate standard errors.
        seed: Gives every example its own stream of random numbers; None draws from the global generators.
        generator: Gives the seed.

    Examples:
        >>> import torch
        >>> from pellucid.methods import NoiseTunnel, Problem, Saliency
        >>> problem = Problem(lambda x: (x**2).sum(1), torch.ones(1, 2))
        >>> smooth = NoiseTunnel(method=Saliency(), samples=10, stdevs=0.0)(problem)
        >>> smooth.values, smooth.stderr
        ((tensor([[2., 2.]]),), (tensor([[0., 0.]]),))
    """

    method: Callable[..., Attributions]
    average: Average = "smoothgrad"
    samples: int | Literal["auto"] = 5
    tolerance: float = 0.01
    relative: bool = False
    most_samples: int = MOST_SAMPLES
    per_call: int | None = None
    stdevs: float | tuple[float, ...] = 1.0
    draw_baselines: bool = False
    stderr: bool = True
    seed: Seed = None
    generator: torch.Generator | None = None

    @attribution
    def __call__(self, f: ModelFunction, /, **arguments: Any) -> Attributions:
        """The averaged attributions, with standard errors.

        Args:
            f: From the inputs to one value per example.
            **arguments: What the method takes besides the pathway.

        Returns:
            Attributions of the shapes of the inputs; the method's deltas, one call after another.
        """
        if self.average not in get_args(Average):
            raise InvalidArgument(f"nt_type must be one of {', '.join(get_args(Average))}: got {self.average!r}.")
        check_count("nt_samples_batch_size", 1 if self.per_call is None else self.per_call)
        order = 2 if self.average == "vargrad" else 1
        auto, structure, deltas = self.samples == "auto", None, []
        if auto and (arguments.get("delta") or arguments.get("return_convergence_delta")):
            raise InvalidArgument('return_convergence_delta must be False for nt_samples="auto": got True.')
        moments = Moments(len(f), orders=2 * order if self.stderr or auto else order)
        narrowing = AdaptiveSampler(f, self.samples, self, at_once=MAX_SAMPLES_PER_ROUND, name="nt_samples")
        # A single call puts back by itself what it has drawn; several need the state from before the first.
        several = auto or f.session.whole_batch or narrowing.count > (self.per_call or narrowing.count)
        state_kept = restoring_numpy_state_on_error() if several else nullcontext()
        seed = resolve_seed(self.seed, self.generator)
        with state_kept, random_source(seed, f.ids) as draws:
            while narrowing.count:
                part = f if narrowing.everyone else f.select(narrowing.places)
                some = draws.among(narrowing.places)
                for samples, x, drawn in self._copies(part, narrowing.numbers, arguments.get("baselines"), some):
                    result = self.method(part.with_copies(x, samples, seed), **(arguments | drawn))
                    expected = batch_size_of(x)
                    if any(len(value) not in (0, expected) for value in result.values):
                        got = format_shapes(result.values)
                        raise InvalidArgument(f"the method inside must attribute to {expected} examples: got {got}.")
                    found = tuple(v**2 for v in result.values) if self.average == "smoothgrad_sq" else result.values
                    count = samples.stop - samples.start
                    copies = tuple(each.reshape(len(each) // count, count, *each.shape[1:]) for each in found)
                    moments.add(samples, narrowing.at(slice(None)), select_block(copies, slice(None), slice(None)))
                    deltas += [] if result.delta is None else [result.delta]
                    structure = result.structure
                narrowing.update(*_averaged(self.average, moments))
        values, stderr = _averaged(self.average, moments)
        return narrowing.annotate(Attributions(values, torch.cat(deltas) if deltas else None, stderr, structure))

    def _copies(
        self, f: ModelFunction, samples: slice, baselines: Any, draws: RandomSource
    ) -> Iterator[tuple[slice, Tensors, dict[str, Tensors]]]:
        """Call by call: which samples, as many noisy copies of every point, and the baselines drawn for them."""
        stdevs, like = stdev_per_input(self.stdevs, len(f.x)), f.baseline_template()
        total = samples.stop - samples.start
        most = min(total, self.per_call or total)
        given = baselines if isinstance(baselines, tuple) else (baselines,)
        distributions = given if self.draw_baselines and any(isinstance(each, Tensor) for each in given) else ()
        # Captum draws baselines once for all full calls, and once more, after the noise, for a last smaller one. With
        # a seed, every copy has its own, so that the result does not depend on the calls.
        drawn = sample_baselines(distributions, like, draws, len(f), most) if distributions else ()
        for done in range(samples.start, samples.stop, most):
            count = min(most, samples.stop - done)
            x = add_gaussian_noise(f.x, draws, count, stdevs)
            if distributions and (count < most or (draws.seeded and done > samples.start)):
                drawn = sample_baselines(distributions, like, draws, len(f), count)
            # A batch that the model collapses or mixes goes in one copy at a time.
            size = 1 if f.session.whole_batch else count
            for first in range(0, count, size):
                part = slice(first, first + size)
                baselines = tuple(b[:, part].flatten(0, 1) if isinstance(b, Tensor) else b for b in drawn)
                copies = tuple(each[:, part].flatten(0, 1) for each in x)
                numbers = slice(done + first, done + first + size)
                yield numbers, copies, {"baselines": baselines} if distributions else {}


def _averaged(average: Average, moments: Moments) -> tuple[Tensors, Tensors | None]:
    """What is made of the attributions of noisy copies, and standard errors."""
    if average == "vargrad":
        return moments.variance, moments.variance_stderr
    return moments.mean, moments.stderr
