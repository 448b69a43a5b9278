"""What Captum's clients call inside it does what it does in Captum: each call in both libraries."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pellucid.compat.captum_module import CaptumModule, fill
from pellucid.compat.module_table import MODULES
from pellucid.errors import PellucidError

CASES = {
    "captum._utils.common": """
        _is_tuple(x), _is_tuple((x,)), _is_tuple([x])
        _format_tensor_into_tuples(None)
        _format_tensor_into_tuples(x)
        _format_tensor_into_tuples((x, y))
        _format_tensor_into_tuples([x, y])
        _format_float_or_tensor_into_tuples(3.0)
        _format_float_or_tensor_into_tuples((3.0, x))
        _format_float_or_tensor_into_tuples([3.0])
        _format_inputs(x), _format_inputs((x, y)), _format_inputs([x, y]), _format_inputs("text"), _format_inputs(None)
        _format_inputs((x, y), unpack_inputs=False), _format_inputs([x], unpack_inputs=False)
        _format_output(True, (x,)), _format_output(False, (x,))
        _format_output(False, (x, y))
        _format_output(True, x)
        _format_outputs(True, [(x,), (x, y)]), _format_outputs(False, [(x,)]), _format_outputs(False, [(x, y)])
        _format_outputs(False, [(x,), (y,)])
        _format_outputs(True, (x,))
        [_format_additional_forward_args(value) for value in (None, 3, (3, x), [3], x, ())]
        [_format_baseline(value, (x, y)) for value in (None, 0.5, x, (x, 2), True)]
        _format_baseline([x, 2], (x, y))
        _format_baseline("zero", (x,))
        _zeros((x, y)), _flatten_tensor_or_tuple(x), _flatten_tensor_or_tuple((x, y.float()))
        _reduce_list([x, x]), _reduce_list([(x, y), (x, y)]), _reduce_list([[x], [x]]), _reduce_list([x, x], sum)
        _reduce_list([True, False]), _reduce_list([False, False]), _reduce_list([(x, True), (x, False)])
        _reduce_list([])
        _reduce_list([1, 2])
        safe_div(v, torch.tensor([0.0, 4.0])), safe_div(v, 0), safe_div(v, 0, 5.0), safe_div(v, 4)
        safe_div(v, torch.tensor([0.0, 4.0]), 3), safe_div(v, torch.tensor([0.0, 4.0]), torch.tensor([2.0, 2.0]))
        _sort_key_list([torch.device("cpu")]), _sort_key_list(gpus, [0, 1]), _sort_key_list(gpus, [1, 2, 0])
        _sort_key_list(gpus)
        _sort_key_list(gpus, [0, 2])
        list(ExpansionTypes)
        _expand_additional_forward_args(None, 2), _expand_additional_forward_args((x, 3, "a", v.sum()), 2)
        _expand_additional_forward_args((x, 3), 2, ExpansionTypes.repeat_interleave)
        _expand_additional_forward_args((x,), 2, None)
        [_expand_target(value, 2) for value in (None, 1, (0, 1), [3], t[:1], t[0], t, [0, 1], [(0,), (1,)], [])]
        [_expand_target(value, 3, ExpansionTypes.repeat_interleave) for value in (t, [0, 1], [(0,), (1,)])]
        _expand_target([0, 1], 2, None)
        _expand_feature_mask(mask, 2), _expand_feature_mask(mask[:1], 2), _expand_feature_mask((mask, mask[:1]), 2)
        updated(_expand_and_update_additional_forward_args, 2, additional_forward_args=(x, 3))
        updated(_expand_and_update_additional_forward_args, 2, additional_forward_args=x)
        updated(_expand_and_update_additional_forward_args, 2), updated(_expand_and_update_target, 2)
        updated(_expand_and_update_target, 2, target=t), updated(_expand_and_update_target, 2, target=[0, 1])
        updated(_expand_and_update_target, 2, target=None), updated(_expand_and_update_target, 2, target=1)
        updated(_expand_and_update_feature_mask, 2, feature_mask=mask), updated(_expand_and_update_feature_mask, 2)
        updated(_expand_and_update_feature_mask, 2, feature_mask=None)
        [updated(_expand_and_update_baselines, (x,), 2, baselines=value) for value in (x, x[:1], 0.5, None)]
        updated(_expand_and_update_baselines, (x, y), 2, baselines=(x, 1))
        updated(_expand_and_update_baselines, (x,), 2)
        updated(_expand_and_update_baselines, (x,), 2, baselines=rows)
        updated(_expand_and_update_baselines, (x,), 2, True, baselines=rows)
        _format_feature_mask(None, (x, y)), _format_feature_mask(None, (x, y), 3), _format_feature_mask(mask, (x,))
        _format_feature_mask((mask, mask[:1]), (x, y)), _format_feature_mask(None, (torch.rand(2, 2, 2), v))
        _format_feature_mask(None, (torch.rand(2, 0), x))
        _get_feature_idx_to_tensor_idx((torch.tensor([[0, 1]]), torch.tensor([[1, 3]])))
        _get_max_feature_index((torch.tensor([[0, 1]]), torch.tensor([[1, 3]]), torch.zeros(1, 0, dtype=torch.long)))
        [_is_mask_valid(torch.zeros(shape), x) for shape in ((1, 2), (2,), (1, 3), (3, 2), (1, 1, 2), (), (2, 1))]
        _contains_slice(1), _contains_slice((1, slice(0, 1))), _contains_slice((1, 2))
        _select_targets(o, None), _select_targets(o, 1), _select_targets(o, (1,)), _select_targets(p, (1, 2))
        _select_targets(p, 1), _select_targets(o, t[1]), _select_targets(o, t[1:]), _select_targets(o, [0, 1, 2])
        _select_targets(o, torch.tensor([0, 1, 2])), _select_targets(p, [(0, 1), (1, 2)]), _select_targets(5.0, None)
        _select_targets(o, (slice(0, 2),)), _select_targets(o[:, :1], torch.zeros(3, dtype=torch.long))
        _select_targets(o, t)
        _select_targets(p, t)
        _select_targets(o, [0, 1])
        _select_targets(p, (1, 2, 3))
        _select_targets(v, 0)
        _select_targets(o, 7)
        _select_targets(o, "a")
        _select_targets(o, 1.5)
        _select_targets(o, ["a", "b", "c"])
        _verify_select_column(o, 2), _verify_select_column(p, (slice(0, 2), 1))
        _verify_select_neuron((o,), 1), _verify_select_neuron((p,), (1, slice(0, 2))), _verify_select_neuron((p,), (1,))
        _verify_select_neuron((o, o), lambda tensors: tensors[0].sum(1))
        _verify_select_neuron((o,), lambda o: o.sum(1))
        _verify_select_neuron((o, o), 1)
        [_validate_target(2, value) for value in (t, [0, 1], t[:1], 1, None)]
        _validate_target(3, t)
        _validate_target(3, [0])
        _run_forward(lambda i: i, x), _run_forward(lambda i: i, x, 1), _run_forward(lambda i, j: i + j, (x, y), 1)
        _run_forward(lambda i, j, k: (i + j) * k, (x, y), t, (2,)), _run_forward(lambda i, j: i + j, x, 1, y)
        _run_forward(lambda: x, x, 1), _run_forward(lambda i: 5, x), _run_forward(lambda *i: sum(i), [x, y])
        _run_forward(net, x, 1), _run_forward(lambda i: later(o), x, 1).wait()
        _run_forward(lambda i: later(o), x).wait()
        _validate_input((x,), (0,)), _validate_input((x,), (x,)), _validate_input((x,), (x[:1],))
        _validate_input((x,), (rows,), True)
        _validate_input((x, y), (x,))
        _validate_input((x,), (rows,))
        _validate_input((x,), (torch.zeros(3, 3),), True)
        _validate_input((x,), (torch.zeros(2),))
    """,
    "captum.attr._utils.common": """
        _format_input_baseline(x, None), _format_input_baseline((x, y), (1, x))
        [_format_callable_baseline(value, x) for value in (None, lambda: x, lambda i: i * 2, 1)]
        _format_callable_baseline(lambda: (x, y), (x, y))
        _tensorize_baseline((x, y), (1, y)), _tensorize_baseline((x,), (x[:1],)), _tensorize_baseline((x,), (rows,))
        _tensorize_baseline((y,), (1.5,)), _tensorize_baseline((x,), (v,))
        _construct_default_feature_mask((x, y)), get_total_features_from_mask((mask, mask + 3))
        _reshape_and_sum(torch.arange(12.0).view(6, 2), 3, 2, (2,)), _sum_rows(p), _sum_rows(v)
        _call_custom_attribution_func(lambda m: m, (x,), (x,), (x,))
        _call_custom_attribution_func(lambda m, i, b: (m[0] * i[0] - b[0],), (x,), (x,), (x,))
        _call_custom_attribution_func(lambda m, i, b, d: m, (x,), (x,), (x,))
        _format_and_verify_sliding_window_shapes((1,), (x,)), _format_and_verify_sliding_window_shapes(((1,),), (x,))
        _format_and_verify_sliding_window_shapes((1, 2), (p,))
        _format_and_verify_sliding_window_shapes(((1,), (2,)), (x, y))
        _format_and_verify_sliding_window_shapes((1, 2), (x,))
        _format_and_verify_sliding_window_shapes((1, 2), (x, y))
        [_format_and_verify_strides(strides, (x,)) for strides in (None, 1, (1,), ((1,),))]
        [_format_and_verify_strides(strides, (x, y)) for strides in (None, (1, 2), ((1,), 2))]
        [_format_and_verify_strides(strides, (p,)) for strides in (1, (1,), (1, 2), ((1, 2),))]
        _format_and_verify_strides((1, 1), (x,))
        _format_and_verify_strides(2, (x, y))
        _compute_conv_delta_and_format_attrs(delta_of, True, (x,), (0,), (x,), None, 1, False)
        _compute_conv_delta_and_format_attrs(delta_of, False, (x,), (0,), (x,), None, 1, True)
        _validate_input((x,), (0,), 50, "gausslegendre")
        _validate_input((x,), (rows,), draw_baseline_from_distrib=True)
        _validate_input((x,), (0,), 50, "simpson")
        _validate_input((x,), (0,), -1, "gausslegendre")
    """,
    "captum.attr._core.lime": """
        construct_feature_mask(None, (x, y)), construct_feature_mask(torch.tensor([[3, 5]]), (x,))
        construct_feature_mask((torch.tensor([[3, 5]]), torch.tensor([[4]])), (x, y))
    """,
    "captum.attr._utils.approximation_methods": """
        [[of(5) for of in approximation_parameters(method)] for method in SUPPORTED_METHODS]
        SUPPORTED_METHODS, SUPPORTED_RIEMANN_METHODS, list(Riemann)
        [of(3) for of in riemann_builders()], [of(3) for of in riemann_builders(Riemann.left)]
        [of(1) for of in gauss_legendre_builders()]
        riemann_builders()[0](1)
        gauss_legendre_builders()[0](0)
        approximation_parameters("simpson")
    """,
    "captum.attr._utils.batching": """
        _batched_generator(x), _batched_generator(x, y, 1, 1), _batched_generator((x, y), (y, 3), t, 1)
        _batched_generator(x, None, [(0,), (1,)], 1), _batched_generator(x, None, t[:1], 1)
        _batched_generator(rows, None, 1, 2)
        list(_batched_generator(x, None, 1, 0))
        _batched_operator(lambda inputs, **_: inputs[0] * 2, x, internal_batch_size=1)
        _batched_operator(lambda **arguments: arguments["inputs"], x, y, 1, internal_batch_size=1, more=3)
        _tuple_splice_range(None, 0, 1), _tuple_splice_range((x, 3, [1, 2]), 0, 1)
        [_select_example(value, 1, 2) for value in (3, x, x[:1], [1, 2], [1, 2, 3], (x, 3, [1, 2]), None, "ab")]
        _batch_example_iterator(2, x, 3, [0, 1], None)
        _batch_attribution(steps(), 2, 4, 5, method="riemann_left")
        _batch_attribution(steps(), 2, 4, 5, include_endpoint=True, method="riemann_trapezoid", more=1)
        _batch_attribution(steps(), 2, 100, 5, include_endpoint=True, method="gausslegendre")
        _batch_attribution(steps(tuple), 2, 4, 3, method="gausslegendre")
    """,
    "captum.metrics._utils.batching": """
        [_divide_and_aggregate_metrics((x,), 5, lambda n: v * n, max_examples_per_batch=most) for most in (None, 4, 9)]
        _divide_and_aggregate_metrics((x,), 5, lambda n: v * n, torch.max, 4)
    """,
    "captum._utils.gradient": """
        undo_gradient_requirements((w := x.clone(), y), apply_gradient_requirements((w, y), False)), w.requires_grad
        apply_gradient_requirements([w := x.clone(), y, torch.ones(2, dtype=torch.cfloat)], False), w.requires_grad
        [_extract_device_ids(net, {net: {torch.device("cpu"): (x,)}}, ids) for ids in (None, [1])]
        _extract_device_ids(net, {net: dict.fromkeys(gpus)}, None)
        apply_gradient_requirements(x)
        undo_gradient_requirements((x,), [True, False])
        compute_gradients(net, r, 1)
        _forward_layer_eval(net, x, net[0]), _forward_layer_eval(net, x, [net[0], net[2]])
        _forward_layer_eval(net, x, net[0], attribute_to_layer_input=True)
        _forward_layer_eval(net, x, net[1], grad_enabled=True)
        _forward_layer_eval_with_neuron_grads(net, r, net[0], gradient_neuron_selector=1)
        _forward_layer_eval_with_neuron_grads(net, r, net[0])
        compute_layer_gradients_and_eval(net, net[0], r, 1)
        compute_layer_gradients_and_eval(net, net[0], r, t, attribute_to_layer_input=True)
        compute_layer_gradients_and_eval(net, [net[0], net[2]], r, 1)
        compute_layer_gradients_and_eval(net, net[0], r, 1, gradient_neuron_selector=2)
        compute_layer_gradients_and_eval(net, net[0], r, 1, output_fn=lambda said: tuple(t * 2 for t in said))
        compute_layer_gradients_and_eval(net, net[0], r, 1, grad_kwargs={"create_graph": True})[0][0].requires_grad
        compute_layer_gradients_and_eval(net, net[0], r, 1, offload_to_cpu=True)
        compute_layer_gradients_and_eval(net, net[0], r)
        _forward_layer_eval(net, x, nn.ReLU())
        construct_neuron_grad_fn(net[0], 1)(net, r), construct_neuron_grad_fn(net[0], 1, None, True)(net, r)
    """,
    "captum._utils.progress": """
        list(progress([1, 2], desc="bar", total=2, disable=True)), isinstance(progress(total=1, disable=True), Progress)
        list(NullProgress([1, 2])), list(NullProgress()), NullProgress(total=3).update(2), NullProgress().close()
        isinstance(NullProgress(), Progress), isinstance(NullProgress(), IterableProgress)
    """,
    "captum.log": """
        log("text"), set_environment("text"), disable_detailed_logging(), patch_methods(None)
        log_usage(more=1)(plain)(1, b=3), log_usage()(plain).__wrapped__ is plain, log_usage()(plain).__name__
    """,
    "captum.attr._utils.custom_modules": "Addition_Module()(x, y)",
    "captum.attr._utils.input_layer_wrapper": 'InputIdentity("x")(x)',
}
CALLS = [(path, line.strip()) for path, lines in CASES.items() for line in lines.strip().splitlines()]
FUNCTIONS = [
    (path, entry.partition("=")[0])
    for path, sources in MODULES.items()
    for source, names in sources.items()
    if source.startswith("compat.private")
    for entry in names.split()
    if entry != "*"
]


def ours(path: str) -> ModuleType:
    """The module that the table makes of a path, without taking Captum's place."""
    module = CaptumModule(path)
    fill(module)
    return module


def values() -> dict[str, Any]:
    """What the calls are given, new for each."""
    torch.manual_seed(0)
    np.random.seed(0)
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])

    def updated(function: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        flags = [argument for argument in args if isinstance(argument, bool)]
        function(*(argument for argument in args if not isinstance(argument, bool)), kwargs, *flags)
        return kwargs

    def plain(a: int, b: int = 1) -> int:
        return a + b

    def later(value: Tensor) -> torch.futures.Future[Tensor]:
        future: torch.futures.Future[Tensor] = torch.futures.Future()
        future.set_result(value)
        return future

    class Steps:
        """Attributes what it is given to nothing."""

        def __init__(self, kind: Any = None) -> None:
            self.kind = kind

        def _attribute(self, n_steps: int, step_sizes_and_alphas: Any, **kwargs: Any) -> Any:
            sizes, alphas = step_sizes_and_alphas
            result = torch.tensor([[n_steps, len(alphas)], [sum(sizes), sum(alphas)]], dtype=torch.float64)
            return (result, result[0]) if self.kind else result

        def compute_convergence_delta(self, *args: Any, **kwargs: Any) -> Any:
            return args, kwargs

    return {
        "x": x,
        "y": torch.tensor([[5], [6]]),
        "v": torch.tensor([1.0, 2.0]),
        "t": torch.tensor([0, 1]),
        "r": x.clone().requires_grad_(),
        "rows": torch.arange(6.0).view(3, 2),
        "mask": torch.tensor([[0, 1], [2, 3]]),
        "o": torch.arange(12.0).view(3, 4),
        "p": torch.arange(24.0).view(2, 3, 4),
        "net": nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2)),
        "gpus": [torch.device("cuda", 1), torch.device("cuda", 0)],
        "plain": plain,
        "later": later,
        "steps": Steps,
        "delta_of": Steps(),
        "updated": updated,
        "nn": nn,
        "torch": torch,
    }


def outcome(module: ModuleType, call: str) -> Any:
    """What a call gives, or raises."""
    try:
        return plainly(eval(call, {**vars(module), **values()}))
    except Exception as error:
        return error


def plainly(value: Any) -> Any:
    """A value that can be compared: enumerations by name, generators as lists."""
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Iterator):
        value = list(value)
    if isinstance(value, tuple | list):
        return type(value)(map(plainly, value))
    return {key: plainly(item) for key, item in value.items()} if isinstance(value, dict) else value


def same(ours: Any, theirs: Any) -> bool:
    """Whether two values are of one type and equal, floats but for rounding."""
    if isinstance(theirs, tuple | list):
        return type(ours) is type(theirs) and len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(theirs, dict):
        return list(ours) == list(theirs) and same(list(ours.values()), list(theirs.values()))
    if isinstance(theirs, Tensor):
        fits = isinstance(ours, Tensor) and (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        return fits and ours.requires_grad == theirs.requires_grad and torch.allclose(ours, theirs)
    if isinstance(theirs, float):
        return isinstance(ours, float) and abs(ours - theirs) < 1e-6  # Captum computes some nodes in float32
    return type(ours) is type(theirs) and bool(ours == theirs)


@pytest.mark.parametrize(("path", "call"), CALLS, ids=[f"{path.rpartition('.')[2]}: {call}" for path, call in CALLS])
def test_calls_give_what_captum_gives_and_fail_where_it_fails(path: str, call: str):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = outcome(import_module(path), call)
    found = outcome(ours(path), call)
    if isinstance(theirs, Exception):
        assert isinstance(found, type(theirs)), (found, theirs)
        assert isinstance(found, PellucidError | IndexError)
    else:
        assert same(found, theirs), (found, theirs)


@pytest.mark.parametrize(("path", "name"), FUNCTIONS)
def test_functions_take_what_captums_take(path: str, name: str):
    found, theirs = getattr(ours(path), name), getattr(import_module(path), name)
    assert isinstance(found, FunctionType) == isinstance(theirs, FunctionType)
    if isinstance(theirs, FunctionType):
        listed = [
            [(each.name, each.kind, plainly(each.default)) for each in inspect.signature(function).parameters.values()]
            for function in (found, theirs)
        ]
        assert listed[0] == listed[1]


def test_a_layer_that_an_operation_in_place_follows_is_seen_as_it_was():
    module, net = ours("captum._utils.gradient"), nn.Sequential(nn.Linear(2, 3), nn.ReLU(inplace=True), nn.Linear(3, 2))
    x = torch.randn(4, 2)
    gradients, said = module.compute_layer_gradients_and_eval(net, net[0], x, 1)
    assert torch.equal(said[0], net[0](x))
    assert torch.allclose(gradients[0], net[2].weight[1] * (said[0] > 0))
    assert not net[0]._forward_hooks


def test_gradient_requirements_warn():
    apply = ours("captum._utils.gradient").apply_gradient_requirements
    with pytest.warns(UserWarning, match=r"inputs\[0\] did not require gradients"):
        apply((torch.rand(2),))
    with pytest.warns(UserWarning, match=r"inputs\[1\] is torch.int64"):
        apply((torch.rand(2, requires_grad=True), torch.tensor([1])))
