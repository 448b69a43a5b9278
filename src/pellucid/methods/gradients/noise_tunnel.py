"""SmoothGrad and VarGrad: any method, averaged over noisy copies of the inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, final, get_args

import torch
from torch import Tensor

from pellucid.core.counts import check_count
from pellucid.core.evaluation.adaptive_sampling import MAX_SAMPLES_PER_ROUND, MOST_SAMPLES, AdaptiveSampler
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.moments import Moments
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.baselines import given_baselines
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
from pellucid.core.summaries import Summarized, summary
from pellucid.core.tensors import Tensors, batch_size_of, format_shapes, unwrap_single
from pellucid.errors import InvalidArgument
from pellucid.methods.calling.attribution import attribution

Average: TypeAlias = Literal["smoothgrad", "smoothgrad_sq", "vargrad"]


@final
@dataclass(frozen=True, kw_only=True)
class NoiseTunnel(Summarized):
    """A method's attributions of inputs with Gaussian noise, averaged.

    `smoothgrad`: E[a(x + e)], `smoothgrad_sq`: E[a(x + e)^2], `vargrad`: Var[a(x + e)], for e from N(0, stdevs^2)

    Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017, https://arxiv.org/abs/1706.03825;
    Adebayo et al., "Sanity checks for saliency maps", 2018, https://arxiv.org/abs/1810.03292.

    Args:
        attribution_method: Any method; it is called with the function at the noisy inputs, and the further arguments.
        nt_type: The statistic of the noisy attributions: their mean, mean square or variance.
        nt_samples: Noisy copies per example; "auto" samples each example until its 95 % intervals are narrow.
        tolerance: With "auto", half the width of an interval that is narrow enough.
        relative: Whether the tolerance is a share of the example's largest attribution.
        max_samples: With "auto", the most copies per example; the result says which examples have `converged`.
        nt_samples_batch_size: The most copies of the batch per call of the method; None for no limit.
        stdevs: Standard deviation of the noise, one number or one for each input tensor.
        draw_baseline_from_distrib: Whether `baselines` are a distribution, of which each noisy copy draws one.
        return_stderr: Whether to estimate standard errors.
        seed: Seeds a stream of random numbers for each example; None draws from the global generators.
        generator: Draws the seed.

    Examples:
        >>> import torch
        >>> from pellucid.methods import NoiseTunnel, Problem, Saliency
        >>> problem = Problem(lambda x: (x**2).sum(1), torch.ones(1, 2))
        >>> smooth = NoiseTunnel(attribution_method=Saliency(), nt_samples=10, stdevs=0.0)(problem)
        >>> smooth.values, smooth.stderr
        ((tensor([[2., 2.]]),), (tensor([[0., 0.]]),))
    """

    attribution_method: Callable[..., Attributions]
    nt_type: Average = "smoothgrad"
    nt_samples: int | Literal["auto"] = 5
    tolerance: float = 0.01
    relative: bool = False
    max_samples: int = MOST_SAMPLES
    nt_samples_batch_size: int | None = None
    stdevs: float | tuple[float, ...] = 1.0
    draw_baseline_from_distrib: bool = False
    return_stderr: bool = True
    seed: Seed = None
    generator: torch.Generator | None = None

    @attribution
    def __call__(self, f: ModelFunction, /, **arguments: Any) -> Attributions:
        """The averaged attributions, with standard errors.

        Args:
            f: A function of the inputs, with one value per example.
            **arguments: Further arguments of the method.

        Returns:
            Attributions of the shapes of the inputs; the deltas of the method's calls, concatenated.

        Raises:
            InvalidArgument: An argument is not one of those it can be, or the method attributes to another number of
                examples than it was given.
        """
        self._validate(arguments)
        arguments = _of_the_inputs(arguments, f)
        auto = self.nt_samples == "auto"
        order = 2 if self.nt_type == "vargrad" else 1
        moments = Moments(len(f), orders=2 * order if self.return_stderr or auto else order)
        sampler = AdaptiveSampler(f, self.nt_samples, self, at_once=MAX_SAMPLES_PER_ROUND, name="nt_samples")
        # A single call puts back by itself what it has drawn; several need the state from before the first.
        several = auto or f.session.whole_batch or sampler.count > (self.nt_samples_batch_size or sampler.count)
        state_kept = restoring_numpy_state_on_error() if several else nullcontext()
        seed = resolve_seed(self.seed, self.generator)
        structure, deltas = None, []
        with state_kept, random_source(seed, f.ids) as draws:
            while sampler.count:
                active = f if sampler.all_active else f.select(sampler.active_points)
                copies = self._copies(
                    active, sampler.sample_range, arguments.get("baselines"), draws.select(sampler.active_points)
                )
                for samples, x, drawn in copies:
                    result = self.attribution_method(active.with_copies(x, samples, seed), **(arguments | drawn))
                    block = self._block(result.values, batch_size_of(x), samples.stop - samples.start)
                    moments.add(samples, sampler.point_indices(slice(None)), block)
                    if result.delta is not None:
                        deltas.append(result.delta)
                    structure = result.structure
                sampler.update(*_statistic(self.nt_type, moments))
        values, stderr = _statistic(self.nt_type, moments)
        return sampler.annotate(Attributions(values, torch.cat(deltas) if deltas else None, stderr, structure))

    def _validate(self, arguments: dict[str, Any]) -> None:
        """Check the parameters that nothing else checks.

        Raises:
            InvalidArgument: They are not among those that are admitted.
        """
        if self.nt_type not in get_args(Average):
            raise InvalidArgument(
                f"nt_type must be one of {', '.join(get_args(Average))}: got {summary(self.nt_type)}."
            )
        check_count("nt_samples_batch_size", 1 if self.nt_samples_batch_size is None else self.nt_samples_batch_size)
        if self.nt_samples == "auto" and arguments.get("return_convergence_delta"):
            raise InvalidArgument('return_convergence_delta must be False for nt_samples="auto": got True.')

    def _copies(
        self, f: ModelFunction, samples: slice, baselines: Any, draws: RandomSource
    ) -> Iterator[tuple[slice, Tensors, dict[str, Any]]]:
        """The calls of the method: the numbers of their samples, the noisy inputs, and the baselines drawn for them.

        The copies of a point are rows (n * copies, ...) that follow each other.
        """
        for start, x, drawn in self._draws(f, samples, baselines, draws):
            count = x[0].shape[1]
            # A batch that the model collapses or mixes goes in one copy at a time.
            size = 1 if f.session.whole_batch else count
            for first in range(0, count, size):
                call = slice(first, first + size)
                rows = tuple(b[:, call].flatten(0, 1) if isinstance(b, Tensor) else b for b in drawn)
                copies = tuple(tensor[:, call].flatten(0, 1) for tensor in x)
                yield slice(start + first, start + first + size), copies, {"baselines": rows} if drawn else {}

    def _draws(
        self, f: ModelFunction, samples: slice, baselines: Any, draws: RandomSource
    ) -> Iterator[tuple[int, Tensors, tuple[Tensor | float, ...]]]:
        """Draw the noise and the baselines of so many samples at once as the batch size of samples admits.

        Yields:
            The number of the first sample, noisy copies (n, samples, ...) of each point, and baselines likewise, which
            are none where `baselines` are no distribution.
        """
        stdevs, template = stdev_per_input(self.stdevs, len(f.x)), f.baseline_template()
        most = min(samples.stop - samples.start, self.nt_samples_batch_size or samples.stop - samples.start)
        values = baselines if isinstance(baselines, tuple) else (baselines,)
        is_distribution = self.draw_baseline_from_distrib and any(isinstance(value, Tensor) for value in values)
        # Captum draws baselines once for all full calls, and once more, after the noise, for a last smaller one. With
        # a seed, every copy has its own, so that the result does not depend on the calls.
        drawn = sample_baselines(values, template, draws, len(f), most) if is_distribution else ()
        for start in range(samples.start, samples.stop, most):
            count = min(most, samples.stop - start)
            x = add_gaussian_noise(f.x, draws, count, stdevs)
            if is_distribution and (count < most or (draws.seeded and start > samples.start)):
                drawn = sample_baselines(values, template, draws, len(f), count)
            yield start, x, drawn

    def _block(self, values: Tensors, examples: int, copies: int) -> Tensors:
        """A call's attributions as blocks (copies, n, ...) of samples, squared for `smoothgrad_sq`.

        Args:
            values: The attributions, (n * copies, ...); without rows for an input that has none.
            examples: How many rows the call was given, n * copies.
            copies: How many of them are copies of one point.

        Raises:
            InvalidArgument: There is another number of rows.
        """
        if any(len(value) not in (0, examples) for value in values):
            raise InvalidArgument(
                f"the method inside must attribute to {examples} examples: got {format_shapes(values)}."
            )
        if self.nt_type == "smoothgrad_sq":
            values = tuple(value**2 for value in values)
        return tuple(value.reshape(len(value) // copies, copies, *value.shape[1:]).transpose(0, 1) for value in values)


def _of_the_inputs(arguments: dict[str, Any], f: ModelFunction) -> dict[str, Any]:
    """Arguments in which baselines are no function any more: it is of the inputs, not of their noisy copies."""
    if "baselines" not in arguments:
        return arguments
    return arguments | {"baselines": given_baselines(arguments["baselines"], unwrap_single(f.problem.inputs))}


def _statistic(average: Average, moments: Moments) -> tuple[Tensors, Tensors | None]:
    """The statistic of the attributions of noisy copies, and its standard errors."""
    if average == "vargrad":
        return moments.variance, moments.variance_stderr
    return moments.mean, moments.stderr
