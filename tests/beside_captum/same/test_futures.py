"""Models that answer by futures: the same attributions as Captum's, and as of the model that answers at once."""

import threading
import warnings
from collections.abc import Callable
from typing import Any

import captum.attr
import pytest
import torch
from torch import Tensor, nn
from torch.futures import Future

import pellucid.attr
from beside_captum.same.compare import (
    assert_close,
    assert_same,
    assert_same_exception,
    on_captum,
    on_pellucid,
    value_of,
)
from beside_captum.same.surrogates import FEW, OF_TWO, A, X, of_two, products, several
from zoo.architectures import ARCHITECTURES, example
from zoo.layered import layered

METHODS = ["FeatureAblation", "FeaturePermutation", "ShapleyValueSampling", "ShapleyValues"]
WITHOUT = ["Occlusion", "Lime", "KernelShap"]
on_each = pytest.mark.parametrize("method", METHODS)


def completed(value: Any) -> Future[Any]:
    """A future that is there at once."""
    future: Future[Any] = Future()
    future.set_result(value)
    return future


def at_once(model: Callable[..., Any]) -> Callable[..., Future[Any]]:
    """The model, whose answers are there at once."""
    return lambda *args: completed(model(*args))


class Later:
    """The model, whose answers are there when they are asked for; what it is asked is kept until then."""

    def __init__(self, model: Callable[..., Any]) -> None:
        self.model = model
        self.asked: list[tuple[Future[Any], tuple[Any, ...]]] = []

    def __call__(self, *args: Any) -> Future[Any]:
        self.asked.append((Future(), args))
        return self.asked[-1][0]

    def answer(self, order: Callable[[list[Any]], list[Any]] = list) -> None:
        for future, args in order(self.asked):
            future.set_result(self.model(*args))


def same(method: str, model: Any, inputs: Any, *, seed: int = 0, **arguments: Any) -> None:
    """Of futures as of answers at once, and as Captum's."""

    def call(attr: Any) -> Any:
        return getattr(attr, method)(at_once(model)).attribute_future(inputs, **arguments).wait()

    def sync(attr: Any) -> Any:
        return getattr(attr, method)(model).attribute(inputs, **arguments)

    assert_same(call, seed=seed, dtypes=False)
    futures, answers = value_of(on_pellucid(call, seed)), value_of(on_pellucid(sync, seed))
    for future, answer in zip(*((x if isinstance(x, tuple) else (x,)) for x in (futures, answers)), strict=True):
        assert torch.equal(future, answer)
        assert future.dtype == answer.dtype


@on_each
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_architectures(method: str, name: str):
    case, mask = example(name), FEW[name]
    if isinstance(mask, tuple) and method == "FeaturePermutation":  # of groups in several inputs a difference
        mask = mask[0], mask[1] + 3
    same(method, case.model, case.inputs, feature_mask=mask, **case.explained)


@on_each
class TestArguments:
    @pytest.mark.parametrize("each", [1, 2, 5, 100])
    def test_perturbations_per_eval(self, method: str, each: int):
        same(method, products, X, perturbations_per_eval=each)

    @pytest.mark.parametrize("mask", [torch.tensor([[0, 1, 0]]), torch.tensor([[5, 2, 5]])])
    def test_masks(self, method: str, mask: Tensor):
        same(method, products, X, feature_mask=mask)

    @pytest.mark.parametrize("target", [1, [1, 0], torch.tensor([0, 1])])
    def test_targets(self, method: str, target: Any):
        same(method, several, X, target=target)

    @pytest.mark.parametrize("output", [lambda y: y[:, None], lambda y: torch.stack([y, y.sin()], 1)])
    def test_outputs(self, method: str, output: Any):
        same(method, lambda x: output(products(x)), X)

    def test_additional_arguments(self, method: str):
        extra = (torch.tensor([2.0, -1.0]), 3.0, None)
        same(method, lambda x, scale, c, _: products(x) * scale + c, X, additional_forward_args=extra)

    def test_two_inputs(self, method: str):
        mask = OF_TWO["shared" if "Shapley" in method else "apart"]
        same(method, of_two, (A, X), feature_mask=mask)

    def test_one_value_for_the_batch(self, method: str):
        same(method, lambda x: products(x).sum(), X, perturbations_per_eval=1)

    def test_one_value_for_the_batch_by_default(self, method: str):
        same(method, lambda x: products(x).sum(), X)


@pytest.mark.parametrize("method", ["FeatureAblation", "ShapleyValueSampling", "ShapleyValues"])
@pytest.mark.parametrize("baselines", [0.5, torch.ones(1, 3), X.flip(0)])
def test_baselines(method: str, baselines: Any):
    same(method, products, X, baselines=baselines)


@pytest.mark.parametrize("samples", [1, 25])
def test_samples(samples: int):
    same("ShapleyValueSampling", several, X, target=0, n_samples=samples, seed=3)


def test_samples_that_are_of_no_use():
    def call(attr: Any) -> Any:
        return attr.ShapleyValues(at_once(products)).attribute_future(X, n_samples=3).wait()

    assert_same(call)


@pytest.mark.parametrize("method", ["FeatureAblation", "FeaturePermutation"])
def test_further_arguments_are_dropped(method: str):
    same(method, products, X, something=1)


@on_each
class TestLater:
    def attributions(self, method: str, answer: Callable[[Later], None]) -> None:
        """What comes of answers given after all calls is what comes of answers at once."""
        later = Later(products)
        torch.manual_seed(0)
        found = getattr(pellucid.attr, method)(later).attribute_future(X, perturbations_per_eval=1)
        assert len(later.asked) > 1
        assert not found.done()
        answer(later)
        sync = value_of(on_captum(lambda attr: getattr(attr, method)(products).attribute(X)))
        assert_close(found.wait(), sync)

    def test_in_order(self, method: str):
        self.attributions(method, Later.answer)

    def test_in_reverse_order(self, method: str):
        self.attributions(method, lambda later: later.answer(lambda asked: asked[::-1]))

    def test_from_another_thread(self, method: str):
        def answer(later: Later) -> None:
            thread = threading.Thread(target=later.answer)
            thread.start()
            thread.join()

        self.attributions(method, answer)

    def test_from_a_thread_each(self, method: str):
        def answer(later: Later) -> None:
            threads = [
                threading.Thread(target=lambda future=future, args=args: future.set_result(products(*args)))
                for future, args in later.asked
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        self.attributions(method, answer)

    def test_all_are_asked_before_any_answer(self, method: str):
        """Captum, too, asks all there is to ask."""
        counts = []
        for attr in (captum.attr, pellucid.attr):
            later = Later(products)
            torch.manual_seed(0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = getattr(attr, method)(later).attribute_future(X, perturbations_per_eval=1)
            counts.append(len(later.asked))
            later.answer()
            assert found.wait().shape == X.shape
            assert len(later.asked) == counts[-1]
        assert counts[1] <= counts[0]

    def test_two_at_a_time(self, method: str):
        first, second = Later(products), Later(products)
        torch.manual_seed(0)
        found = getattr(pellucid.attr, method)(first).attribute_future(X)
        torch.manual_seed(0)
        other = getattr(pellucid.attr, method)(second).attribute_future(2 * X)
        second.answer()
        assert other.done()
        assert not found.done()
        first.answer()
        for inputs, future in ((X, found), (2 * X, other)):
            sync = value_of(on_pellucid(lambda attr, x=inputs: getattr(attr, method)(products).attribute(x)))
            assert torch.equal(future.wait(), sync)

    def test_what_is_done_with_the_future(self, method: str):
        later, seen = Later(products), []
        found = getattr(pellucid.attr, method)(later).attribute_future(X)
        doubled = found.then(lambda future: 2 * future.value())
        found.add_done_callback(lambda future: seen.append(future.value()))
        later.answer()
        assert torch.equal(doubled.wait(), 2 * found.wait())
        assert len(seen) == 1

    def test_no_gradients(self, method: str):
        weight = torch.ones(3, requires_grad=True)
        later = Later(lambda x: products(x * weight))
        found = getattr(pellucid.attr, method)(later).attribute_future(X)
        later.answer()
        assert not found.wait().requires_grad


@on_each
def test_the_type_is_the_same(method: str):
    """That of what `then` returns, which is not the one that users make."""

    def kind(attr: Any) -> type:
        return type(getattr(attr, method)(at_once(products)).attribute_future(X))

    assert value_of(on_captum(kind)) is torch.Future
    assert value_of(on_pellucid(kind)) is torch.Future
    later = Later(products)
    found = getattr(pellucid.attr, method)(later).attribute_future(X)
    later.answer()
    assert type(found) is torch.Future


@on_each
def test_a_model_may_answer_with_what_becomes_of_a_future(method: str):
    def call(attr: Any) -> Any:
        model = lambda x: completed(x).then(lambda future: products(future.value()))  # noqa: E731
        return getattr(attr, method)(model).attribute_future(X).wait()

    assert_same(call, dtypes=False)


class OfTheModel(Exception):
    """What only the user's model raises."""


@on_each
class TestErrors:
    @pytest.mark.parametrize("raised", [OfTheModel, KeyError, ValueError])
    @pytest.mark.parametrize("which", [0, -1])
    def test_of_a_future_keep_their_class(self, method: str, raised: type[Exception], which: int):
        later = Later(products)
        found = getattr(pellucid.attr, method)(later).attribute_future(X, perturbations_per_eval=1)
        failing = later.asked[which][0]
        for future, args in later.asked:
            if future is failing:
                future.set_exception(raised("of the model"))
            else:
                future.set_result(products(*args))
        with pytest.raises(raised, match="of the model"):
            found.wait()

    def test_of_the_call_itself(self, method: str):
        def model(x: Tensor) -> Future[Tensor]:
            raise OfTheModel("at once")

        assert_same_exception(lambda attr: getattr(attr, method)(model).attribute_future(X), OfTheModel)

    def test_answers_at_once_where_futures_are_expected(self, method: str):
        assert_same_exception(lambda attr: getattr(attr, method)(products).attribute_future(X), AssertionError)

    def test_futures_where_answers_are_expected(self, method: str):
        assert_same_exception(lambda attr: getattr(attr, method)(at_once(products)).attribute(X), AssertionError)

    def test_of_arguments(self, method: str):
        def call(attr: Any) -> Any:
            return getattr(attr, method)(at_once(products)).attribute_future(X, perturbations_per_eval=0)

        assert_same_exception(call, AssertionError)

    def test_of_answers_that_are_none(self, method: str):
        """They cannot be known before they come, and are those of the same model without futures then."""
        found = getattr(pellucid.attr, method)(lambda x: completed([1.0])).attribute_future(X)
        with pytest.raises(AssertionError, match="must return a tensor"):
            found.wait()

    def test_of_targets_that_do_not_fit(self, method: str):
        found = getattr(pellucid.attr, method)(at_once(several)).attribute_future(X, target=7)
        with pytest.raises(IndexError, match="target"):
            found.wait()


@pytest.mark.parametrize("method", WITHOUT)
def test_methods_that_have_none(method: str):
    assert_same_exception(lambda attr: getattr(attr, method)(products).attribute_future(), NotImplementedError)


@pytest.mark.parametrize("method", [*WITHOUT, "LayerFeatureAblation", "NeuronFeatureAblation"])
def test_methods_that_have_none_say_so_whatever_they_are_given(method: str):
    inside = [nn.Identity()] if method not in WITHOUT else []
    with pytest.raises(NotImplementedError, match=f"{method}.*attribute_future"):
        getattr(pellucid.attr, method)(products, *inside).attribute_future(X, target=0)


def test_a_layer():
    """As `attribute` of the model that answers at once; Captum's ignores the layer, see the differences."""
    case = layered("perceptron")
    model, layer = case.model, case.model[2]

    class InFuture(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: Tensor) -> Future[Tensor]:
            return completed(self.model(x)[:, 0])

    def sync(attr: Any) -> Any:
        return attr.LayerFeaturePermutation(lambda x: model(x)[:, 0], layer).attribute(case.inputs)

    def call(attr: Any) -> Any:
        future = attr.LayerFeaturePermutation(InFuture(), layer).attribute_future(case.inputs)
        assert type(future) is torch.Future
        return future.wait()

    assert_close(value_of(on_pellucid(call)), value_of(on_captum(sync)))
