"""Linear models fitted to anything: the same coefficients, predictions and draws as Captum's."""

import inspect
import itertools
import warnings
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

import captum._utils.models.linear_model as theirs
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import pellucid.models.linear as ours
from matrices import in_turn

NAMES = [name for name in vars(theirs) if inspect.isclass(getattr(theirs, name))]
BY_SKLEARN = ["SkLearnLasso", "SkLearnRidge", "SkLearnLinearRegression"]
BY_DESCENT = ["SGDLasso", "SGDRidge", "SGDLinearRegression", "SGDLinearModel"]

Loader = Callable[[], Iterable[Any]]
"""Makes the data anew for each library."""


@pytest.fixture(params=[1, *(pytest.param(seed, marks=pytest.mark.large) for seed in (2, 8))], ids="seed{}".format)
def seed(request: pytest.FixtureRequest) -> int:
    """Of the data; fewer than elsewhere, as a fit takes hundreds of steps."""
    return request.param


def data(
    seed: int, *, weights: bool = False, outputs: int = 0, batch_size: int = 10, dtype: torch.dtype = torch.float32
) -> Loader:
    """Random examples, shuffled where the seed is odd, in batches of which the last is smaller."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(41, 3 + seed, generator=generator) * 2 + 1
    y = torch.randn(41, max(outputs, 1), generator=generator) / 2 + x[:, :1]
    y = y if outputs else y[:, 0]
    tensors = [x.to(dtype), y.to(dtype), torch.rand(41, generator=generator)]
    return lambda: DataLoader(TensorDataset(*tensors[: 2 + weights]), batch_size, shuffle=bool(seed % 2))


def fitted(
    library: ModuleType, make: Callable[[Any], Any], loader: Loader, **arguments: Any
) -> tuple[Any, Any, Tensor]:
    """A model, what its fit returned, and where it left torch's generator."""
    torch.manual_seed(7)
    model = make(library)
    returned = model.fit(loader(), **arguments)
    return model, returned, torch.get_rng_state()


def on_captum(make: Callable[[Any], Any], loader: Loader, **arguments: Any) -> tuple[Any, Any, Tensor]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fitted(theirs, make, loader, **arguments)


def assert_same_fit(make: Callable[[Any], Any], loader: Loader, *, exact: bool = False, **arguments: Any) -> None:
    """Both libraries make the same model of the same data."""
    their, their_return, their_state = on_captum(make, loader, **arguments)
    our, our_return, our_state = fitted(ours, make, loader, **arguments)
    near = {"rtol": 0, "atol": 0} if exact else {"rtol": 1e-5, "atol": 1e-5}
    assert their.representation().abs().max() > 1e-3
    torch.testing.assert_close(our.representation(), their.representation(), **near)
    torch.testing.assert_close(our.bias(), their.bias(), **near)
    x = next(iter(loader()))[0].float()
    assert our.training is their.training
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = their(x)
    torch.testing.assert_close(our(x), expected, rtol=1e-5, atol=1e-5)
    assert our(x).requires_grad
    assert not our.representation().requires_grad
    assert our_return.pop("train_time") > 0
    del their_return["train_time"]
    assert our_return == pytest.approx(their_return, rel=1e-5)
    assert torch.equal(our_state, their_state)


@pytest.mark.parametrize("name", NAMES)
def test_names_bases_and_parameters(name: str):
    our, their = getattr(ours, name), getattr(theirs, name)
    bases = [base.__name__ for base in their.__mro__ if base.__module__.startswith("captum")]
    assert [base.__name__ for base in our.__mro__ if base.__module__.startswith("pellucid")] == bases
    assert issubclass(our, nn.Module)
    for method in ("__init__", "fit", "forward", "representation", "bias", "classes", "_construct_model_params"):
        parameters = [
            [
                (each.name, each.kind, each.default)
                for each in inspect.signature(getattr(cls, method)).parameters.values()
            ]
            for cls in (our, their)
        ]
        assert parameters[0] == parameters[1]


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("batch_size", [1, 10, 100])
@pytest.mark.parametrize("name", BY_SKLEARN)
def test_by_sklearn(name: str, batch_size: int, weights: bool, fit_intercept: bool, seed: int):
    loader = data(seed, weights=weights, batch_size=batch_size)
    arguments = {} if name == "SkLearnLinearRegression" else {"alpha": 0.05}
    assert_same_fit(lambda lib: getattr(lib, name)(fit_intercept=fit_intercept, **arguments), loader, exact=True)


@pytest.mark.parametrize("outputs", [0, 1, 3])
@pytest.mark.parametrize("norm_input", [False, True])
@pytest.mark.parametrize("name", BY_SKLEARN)
def test_by_sklearn_normalised_and_with_several_outputs(name: str, norm_input: bool, outputs: int, seed: int):
    loader = data(seed, weights=True, outputs=outputs)
    arguments = {} if name == "SkLearnLinearRegression" else {"alpha": 0.05}
    assert_same_fit(lambda lib: getattr(lib, name)(**arguments), loader, exact=True, norm_input=norm_input)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int64])
def test_by_sklearn_in_other_dtypes(dtype: torch.dtype, seed: int):
    assert_same_fit(lambda lib: lib.SkLearnRidge(), data(seed, weights=True, dtype=dtype), exact=True)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("path", ["linear_model.LogisticRegression", "linear_model.RidgeClassifier"])
def test_classifiers(path: str, classes: int, seed: int):
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(seed))
    y = (x[:, 0] > 0).long() + (x[:, 1] > 0.5).long() * (classes - 2)

    def loader() -> Iterable[Any]:
        return DataLoader(TensorDataset(x, y * 2), batch_size=7)

    def make(library: Any) -> Any:
        return library.SkLearnLinearModel(path)

    assert_same_fit(make, loader, exact=True)
    expected, found = on_captum(make, loader)[0].classes(), fitted(ours, make, loader)[0].classes()
    assert found.tolist() == [0, 2, 4][:classes]
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_other_classes_of_sklearn_and_arguments_of_their_fit(seed: int):
    assert_same_fit(
        lambda lib: lib.SkLearnLinearModel("linear_model.HuberRegressor", alpha=0.1), data(seed), exact=True
    )
    weights = torch.rand(41, generator=torch.Generator().manual_seed(0)).numpy()
    for weighted in (False, True):  # weights named at the call go before those in the data
        loader = data(seed, weights=weighted)
        assert_same_fit(lambda lib: lib.SkLearnRidge(), loader, exact=True, sample_weight=weights)


def test_weights_that_the_class_does_not_take():
    loader = data(0, weights=True)
    with pytest.warns(UserWarning, match="weights"):
        our, *_ = fitted(ours, lambda lib: lib.SkLearnLinearModel("linear_model.Lars"), loader)
    their, *_ = on_captum(lambda lib: lib.SkLearnLinearModel("linear_model.Lars"), loader)
    assert torch.equal(our.representation(), their.representation())


@pytest.mark.parametrize(
    ("name", "batch_size", "weights"), in_turn(BY_DESCENT, itertools.product([3, 10, 100], [False, True]), quick=2)
)
def test_by_descent(name: str, batch_size: int, weights: bool, seed: int):
    loader = data(seed, weights=weights, batch_size=batch_size)
    for arguments in ({}, {"alpha": 0.1, "initial_lr": 0.03, "max_epoch": 7}):
        assert_same_fit(lambda lib: getattr(lib, name)(), loader, **arguments)


@pytest.mark.parametrize(
    ("reduce_lr", "patience", "window"),
    in_turn(itertools.product([True, False], [0, 1, 3, 10]), [None, 1, 3, 50], quick=1),
)
def test_descent_ends_at_the_same_iteration(reduce_lr: bool, patience: int, window: int | None, seed: int):
    arguments = {"reduce_lr": reduce_lr, "patience": patience, "running_loss_window": window, "max_epoch": 40}
    for threshold in (1e-4, 1e-2, 0.5):
        assert_same_fit(lambda lib: lib.SGDLasso(), data(seed), threshold=threshold, **arguments)
        *_, returned, _ = fitted(ours, lambda lib: lib.SGDLasso(), data(seed), threshold=threshold, **arguments)
        assert threshold < 0.5 or returned["train_epoch"] < 40, "no fit ended before the last epoch"


def test_what_rounding_may_bring_ends_the_descent_at_the_same_iteration():
    # A loss of 1e4 that comes down by 0.1 at a time: far more than the threshold, but no share of 1e-5.
    x, y = torch.ones(10, 1), torch.linspace(-240, 240, 10)
    arguments = {"initial_lr": 1e-3, "patience": 3, "running_loss_window": 1, "max_epoch": 30}
    assert_same_fit(lambda lib: lib.SGDLinearRegression(), lambda: [(x, y + 12)], **arguments)
    *_, returned, _ = fitted(ours, lambda lib: lib.SGDLinearRegression(), lambda: [(x, y + 12)], **arguments)
    assert returned["train_iter"] < 30


@pytest.mark.parametrize(
    ("norm_type", "affine_norm", "bias", "init_scheme"),
    in_turn(
        itertools.product([None, "batch_norm", "layer_norm"], [True, False]),
        itertools.product([True, False], ["zeros", "xavier", None]),
        quick=2,
    ),
)
def test_norms_and_starts(norm_type: str | None, affine_norm: bool, bias: bool, init_scheme: str | None, seed: int):
    layers = {"norm_type": norm_type, "affine_norm": affine_norm, "bias": bias}
    loader = data(seed, batch_size=11)
    assert_same_fit(lambda lib: lib.SGDRidge(**layers), loader, init_scheme=init_scheme, max_epoch=5)
    their, our = (fitted(lib, lambda lib: lib.SGDRidge(**layers), loader, max_epoch=5)[0] for lib in (theirs, ours))
    assert list(our.state_dict()) == list(their.state_dict())
    x = next(iter(loader()))[0]
    torch.testing.assert_close(our.eval()(x), their.eval()(x))


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("weights", [True, False])
@pytest.mark.parametrize("reg_term", [None, 1, 2, 3])
def test_regularisation_outputs_and_losses(reg_term: int | None, weights: bool, outputs: int, seed: int):
    def loss(x1: Tensor, x2: Tensor, weights: Tensor | None) -> Tensor:
        return ((x1 - x2).cosh().log() * (1 if weights is None else weights)).mean()

    for given in ({}, {"loss_fn": loss}):
        loader = data(seed, weights=weights, outputs=outputs)
        assert_same_fit(lambda lib: lib.SGDLinearModel(), loader, reg_term=reg_term, alpha=0.1, max_epoch=6, **given)


def test_what_debugging_prints(capsys: pytest.CaptureFixture[str]):
    printed = []
    for library in (theirs, ours):
        fitted(library, lambda lib: lib.SGDLasso(), data(0), debug=True, patience=5, threshold=0.1)
        printed.append(capsys.readouterr().out)
    assert printed[0].count("\n") > 3
    assert printed[0] == printed[1]


def test_fits_to_losses_that_are_no_numbers_go_on_as_long():
    x = torch.randn(20, 2) * 1e9
    counts = [lib.SGDLasso().fit([(x, x[:, 0])])["train_iter"] for lib in (theirs, ours)]
    assert counts[0] == counts[1] == 100


def test_a_train_function_of_one_s_own():
    def train(model: Any, dataloader: Any, construct_kwargs: Any, scale: float) -> str:
        values = torch.ones(2, 3) * scale
        model._construct_model_params(weight_values=values, bias_value=torch.ones(2), **construct_kwargs)
        return f"of {dataloader}"

    x = torch.arange(6.0).view(2, 3)
    for library in (theirs, ours):
        model = library.LinearModel(train, classes=torch.tensor([4, 5]))
        assert model.fit("data", scale=2.0) == "of data"
        assert model(x).tolist() == [[7.0, 7.0], [25.0, 25.0]]
        assert model.classes().tolist() == [4, 5]
        assert model.construct_kwargs.keys() == {"classes"}


def test_before_the_fit():
    for library in (theirs, ours):
        model = library.SkLearnLasso(alpha=0.1)
        assert (model.bias(), model.classes(), model.linear, model.norm) == (None, None, None, None)
        assert (model.construct_kwargs, model.sklearn_module) == ({"alpha": 0.1}, "linear_model.Lasso")


def batch(*shapes: tuple[int, ...]) -> list[Any]:
    return [tuple(torch.ones(shape) for shape in shapes)]


def fitted_ridge(library: Any) -> Any:
    model = library.SkLearnRidge()
    model.fit(data(0)())
    return model


@pytest.mark.parametrize(("call", "expected"), [
    (lambda lib: lib.SkLearnRidge().representation(), AssertionError),
    (lambda lib: lib.SGDRidge()(torch.ones(1, 3)), AssertionError),
    (lambda lib: fitted_ridge(lib).classes(), AttributeError),
    (lambda lib: fitted_ridge(lib)(torch.ones(2, 3, dtype=torch.float64)), RuntimeError),
    (lambda lib: fitted_ridge(lib)(torch.ones(2, 4)), RuntimeError),
    (lambda lib: lib.SkLearnRidge(1.0), TypeError),
    (lambda lib: lib.SkLearnRidge(nonsense=1).fit(data(0)()), TypeError),
    (lambda lib: lib.SkLearnRidge().fit(data(0)(), nonsense=1), TypeError),
    (lambda lib: lib.SkLearnRidge().fit(data(0)(), sklearn_trainer="linear_model.Lasso"), TypeError),
    (lambda lib: lib.SkLearnRidge().fit(5), TypeError),
    (lambda lib: lib.SkLearnRidge().fit([]), ValueError),
    (lambda lib: lib.SkLearnRidge().fit(batch((4, 2))), AssertionError),
    (lambda lib: lib.SkLearnRidge().fit(batch((4, 2), (4,), (4,), (4,))), AssertionError),
    (lambda lib: lib.SkLearnRidge().fit(batch((4, 2, 1), (4,))), ValueError),
    (lambda lib: lib.SkLearnRidge().fit(batch((4,), (4,))), ValueError),
    (lambda lib: lib.SkLearnRidge().fit(batch((4, 2), (4,), (4,)) + batch((4, 2), (4,))), ValueError),
    (lambda lib: lib.SkLearnRidge().fit([(torch.full((2, 2), torch.nan), torch.ones(2))]), ValueError),
    (lambda lib: lib.SkLearnLinearModel("linear_model.Nonsense").fit(data(0)()), AttributeError),
    (lambda lib: lib.SkLearnLinearModel("nonsense.Lasso").fit(data(0)()), AttributeError),
    (lambda lib: lib.SkLearnLinearModel("Lasso").fit(data(0)()), AttributeError),
    (lambda lib: lib.SkLearnLinearModel("").fit(data(0)()), AttributeError),
    (lambda lib: lib.SkLearnLinearModel("tree.DecisionTreeRegressor").fit(data(0)()), AttributeError),
    (lambda lib: lib.SkLearnLinearModel("svm.SVR").fit(data(0)()), AttributeError),
    (lambda lib: lib.SGDRidge(norm_type="nonsense").fit(data(0)()), ValueError),
    (lambda lib: lib.SGDRidge(nonsense=1).fit(data(0)()), TypeError),
    (lambda lib: lib.SGDRidge(in_features=3).fit(data(0)()), TypeError),
    (lambda lib: lib.SGDRidge().fit(data(0)(), nonsense=1), TypeError),
    (lambda lib: lib.SGDRidge().fit(data(0)(), reg_term=1), TypeError),
    (lambda lib: lib.SGDLasso().fit(data(0)(), reg_term=None), TypeError),
    (lambda lib: lib.SGDLasso().fit(data(0)(), loss_fn=abs), TypeError),
    (lambda lib: lib.SGDLasso().fit(data(0)(), init_scheme="nonsense"), AssertionError),
    (lambda lib: lib.SGDLasso().fit(data(0)(), initial_lr=-1.0), ValueError),
    (lambda lib: lib.SGDLasso().fit(data(0)(), device="nonsense"), RuntimeError),
    (lambda lib: lib.SGDLasso().fit(data(0, dtype=torch.float64)()), RuntimeError),
    (lambda lib: lib.SGDLasso().fit(each for each in data(0)()), TypeError),
    (lambda lib: lib.SGDLasso().fit(batch((4, 2))), ValueError),
    (lambda lib: lib.SGDLasso().fit(batch((4, 2), (4,), (4,), (4,))), ValueError),
    (lambda lib: lib.SGDLasso().fit(5), TypeError),
    (lambda lib: lib.LinearModel(abs)._construct_model_params(in_features=3), ValueError),
    (lambda lib: lib.LinearModel(abs)._construct_model_params(3, 1, bias=False, bias_value=torch.ones(1)), ValueError),
])  # fmt: skip
def test_exceptions_can_be_caught_as_captum_s(call: Callable[[Any], Any], expected: type[Exception]):
    raised = []
    for library in (theirs, ours):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore" if library is theirs else "error")
            try:
                call(library)
            except Exception as error:
                raised.append(error)
    assert len(raised) == 2
    assert type(raised[0]) is expected
    assert isinstance(raised[1], expected)
