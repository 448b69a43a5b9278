import sys
from typing import Any

import numpy as np
import pytest
import sklearn.linear_model
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from pellucid.errors import InvalidArgument, NotFound, PellucidError, PellucidWarning, WrongType
from pellucid.models.linear import (
    LinearModel,
    Model,
    SGDLasso,
    SGDLinearModel,
    SGDLinearRegression,
    SGDRidge,
    SkLearnLasso,
    SkLearnLinearModel,
    SkLearnLinearRegression,
    SkLearnRidge,
    l2_loss,
)

generator = torch.Generator().manual_seed(0)
X = torch.randn(50, 4, generator=generator) * 2 + 1
TRUE = torch.tensor([1.0, -2.0, 0.5, 0.0])
Y = X @ TRUE + 0.3 + torch.randn(50, generator=generator) / 10
W = torch.rand(50, generator=generator)
ORTHOGONAL = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
"""Features of mean 0 and variance 1 that do not correlate: the coefficients have closed forms."""


def batches(*tensors: Tensor, batch_size: int = 8) -> Any:
    return DataLoader(TensorDataset(*tensors), batch_size)


@pytest.mark.parametrize("weights", [None, W])
@pytest.mark.parametrize(("ours", "theirs"), [
    (SkLearnLasso(alpha=0.1), sklearn.linear_model.Lasso(alpha=0.1)),
    (SkLearnRidge(alpha=3.0), sklearn.linear_model.Ridge(alpha=3.0)),
    (SkLearnLinearRegression(fit_intercept=False), sklearn.linear_model.LinearRegression(fit_intercept=False)),
    (SkLearnLinearModel("linear_model.BayesianRidge"), sklearn.linear_model.BayesianRidge()),
])  # fmt: skip
def test_coefficients_are_scikit_learn_s(ours: Any, theirs: Any, weights: Tensor | None):
    ours.fit(batches(X, Y, *[] if weights is None else [weights]))
    theirs.fit(X.numpy(), Y.numpy(), sample_weight=None if weights is None else weights.numpy())
    fifty_sums = {"rtol": 0, "atol": 50 * np.finfo(np.float32).eps * np.abs(theirs.coef_).max()}
    np.testing.assert_allclose(ours.representation()[0], theirs.coef_, **fifty_sums)
    np.testing.assert_allclose(ours.bias(), [theirs.intercept_], **fifty_sums)
    np.testing.assert_allclose(ours(X).detach()[:, 0], theirs.predict(X.numpy()), rtol=1e-4, atol=1e-4)


def test_least_squares_is_the_closed_form():
    model = SkLearnLinearRegression()
    model.fit(batches(X, Y, W))
    ones = torch.cat([X, torch.ones(50, 1)], 1).double()
    solved = torch.linalg.solve(ones.T @ (W[:, None] * ones), ones.T @ (W * Y).double())
    found = torch.cat([model.representation()[0], model.bias()]).double()
    torch.testing.assert_close(found, solved, rtol=1e-4, atol=1e-5)


def test_lasso_shrinks_by_alpha_and_ridge_by_a_share():
    y = ORTHOGONAL @ torch.tensor([2.0, 0.1])
    lasso, ridge = SkLearnLasso(alpha=0.5), SkLearnRidge(alpha=4.0)
    lasso.fit([(ORTHOGONAL, y)])
    ridge.fit([(ORTHOGONAL, y)])
    torch.testing.assert_close(lasso.representation(), torch.tensor([[1.5, 0.0]]))
    torch.testing.assert_close(ridge.representation(), torch.tensor([[1.0, 0.05]]))


def test_descent_arrives_at_the_minimum_of_its_loss():
    arguments = {"initial_lr": 0.3, "max_epoch": 500, "threshold": 0.0, "patience": 500, "reduce_lr": False}
    true = torch.tensor([3.0, -4.0])
    loader = [(ORTHOGONAL, ORTHOGONAL @ true + 7)]
    # The gradient is W - true + alpha times the gradient of the norm: the sign, or the direction.
    for model, alpha, expected in [
        (SGDLinearRegression(), {}, true),
        (SGDLasso(), {"alpha": 0.5}, true - 0.5 * true.sign()),
        (SGDRidge(), {"alpha": 0.5}, true * (1 - 0.5 / 5)),
    ]:
        returned = model.fit(loader, **alpha, **arguments)
        torch.testing.assert_close(model.representation()[0], expected, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(model.bias(), torch.tensor([7.0]))
        loss = l2_loss(model(ORTHOGONAL), loader[0][1][:, None]).detach()
        assert returned.keys() == {"train_time", "train_loss", "train_iter", "train_epoch"}
        assert returned["train_loss"] > float(loss) - 1e-9


def test_weights_count_examples():
    y, weights = torch.tensor([1.0, 5.0]), torch.tensor([1, 3])
    expected = torch.tensor([4.0])
    descent, regression = SGDLinearRegression(), SkLearnRidge()
    descent.fit([(torch.zeros(2, 1), y, weights)], initial_lr=0.5)
    regression.fit([(torch.zeros(2, 1), y, weights[:, None])])
    torch.testing.assert_close(descent.bias(), expected, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(regression.bias(), expected)


def test_the_loss_of_a_batch_without_weight_is_zero_and_so_is_its_gradient():
    model = SGDLinearRegression()
    model.fit([(X, Y, W), (X, Y, W * 0)], max_epoch=3)
    alone = SGDLinearRegression()
    alone.fit([(X, Y, W)], max_epoch=3)
    assert alone.representation().abs().min() > 0
    assert torch.equal(model.representation(), alone.representation())


@pytest.mark.parametrize("name", ["SkLearnRidge", "SGDRidge"])
def test_a_fit_depends_on_nothing_before_it(name: str):
    model = globals()[name]()
    model.fit([(X, Y)])
    first = model.representation()
    kept = first.clone()
    model.fit([(X[:, :2], Y)])
    assert model.representation().shape == (1, 2)
    model.fit([(X, Y)])
    assert torch.equal(model.representation(), kept)
    assert torch.equal(first, kept)


def test_given_values_are_copied_and_a_row_of_them_will_do():
    values = torch.ones(4)
    model = SGDLinearModel()
    model._construct_model_params(weight_values=values, bias_value=torch.zeros(1))
    four_sums = 4 * torch.finfo(X.dtype).eps * float(X.abs().sum(1).max())
    torch.testing.assert_close(model(X), X.sum(1, keepdim=True), rtol=0, atol=four_sums)
    with torch.no_grad():
        model.linear.weight.zero_()
    assert values.tolist() == [1.0] * 4


def test_normalised_features_have_the_coefficients_of_standard_units():
    plain, normalised = SkLearnLinearRegression(), SkLearnLinearRegression()
    plain.fit(batches(X, Y))
    normalised.fit(batches(X, Y), norm_input=True)
    torch.testing.assert_close(normalised.representation(), plain.representation() * X.std(0, unbiased=False))
    torch.testing.assert_close(normalised(X), plain(X), rtol=1e-4, atol=1e-4)
    again = SkLearnLinearRegression()
    again.fit(batches(X * 5, Y), norm_input=True)
    again.load_state_dict(normalised.state_dict())
    assert torch.equal(again(X), normalised(X))
    normalised.fit(batches(X, Y))
    assert normalised.norm is None


def test_a_constant_feature_gets_no_coefficient_when_normalised():
    x = X.clone()
    x[:, 1] = 2.0
    model = SkLearnRidge()
    model.fit(batches(x, Y), norm_input=True)
    assert model.representation()[0, 1] == 0
    assert model(x).isfinite().all()


def test_tiny_features_are_normalised_as_in_the_fit():
    model, tiny = SkLearnRidge(), SkLearnRidge()
    model.fit(batches(X, Y), norm_input=True)
    tiny.fit(batches(X * 1e-7, Y), norm_input=True)
    torch.testing.assert_close(tiny(X * 1e-7), model(X), rtol=1e-3, atol=1e-3)


def test_data_of_any_dtype_and_with_gradients_are_taken_by_scikit_learn():
    expected = SkLearnRidge()
    expected.fit([(X.bfloat16().float(), Y)], norm_input=True)
    for x in (X.bfloat16(), X.bfloat16().double(), X.bfloat16().float().requires_grad_()):
        model = SkLearnRidge()
        model.fit([(x, Y)], norm_input=True)
        torch.testing.assert_close(model.representation(), expected.representation())
        torch.testing.assert_close(model(X), expected(X))


def test_descent_works_where_gradients_are_off():
    with torch.no_grad():
        model = SGDLinearRegression()
        model.fit([(X, Y)])
    assert model.representation().abs().sum() > 0
    assert model.linear.weight.grad is None


def test_a_window_of_none_but_the_last_iteration():
    model = SGDLinearRegression()
    returned = model.fit([(X, Y)], max_epoch=1, running_loss_window=0)
    assert returned["train_loss"] == pytest.approx(float((Y**2).mean() / 2))


def test_classes_are_what_the_targets_were():
    model = SkLearnLinearModel("linear_model.LogisticRegression")
    model.fit(batches(X, (Y > 0).long() * 5 - 2))
    assert model.classes().tolist() == [-2, 3]
    right = (model(X)[:, 0] > 0) == (Y > 0)
    assert right.float().mean() > 0.9


def test_weights_that_a_class_does_not_take_are_warned_of():
    model = SkLearnLinearModel("linear_model.Lars")
    with pytest.warns(PellucidWarning, match=r"linear_model\.Lars of scikit-learn takes no weights") as caught:
        model.fit(batches(X, Y, W))
    assert caught[0].filename == __file__


def test_models_of_one_s_own_are_models():
    class Constant(Model):
        def fit(self, train_data: Any, **kwargs: Any) -> None:
            self.value = next(iter(train_data))[1].mean()

        def representation(self) -> Tensor:
            return self.value

        def __call__(self, x: Tensor) -> Tensor:
            return self.value.expand(len(x))

    model = Constant()
    model.fit([(X, Y)])
    assert model(X).shape == (50,)
    assert isinstance(SGDLasso(), Model)
    with pytest.raises(TypeError):
        Model()


def test_without_scikit_learn_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    model = SkLearnLasso()
    with pytest.raises(ImportError, match=r"pip install pellucid\[linear\]"):
        model.fit([(X, Y)])


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: SkLearnLasso().representation(), InvalidArgument, "SkLearnLasso must be fitted first"),
    (lambda: SkLearnLasso()(X), InvalidArgument, "must be fitted first"),
    (lambda: SkLearnLasso().fit([]), InvalidArgument, "train_data must give at least one batch: got none"),
    (lambda: SkLearnLasso().fit([X]), WrongType, r"batches \(x, y\) or \(x, y, weights\) of tensors: got \(Tensor\)"),
    (lambda: SkLearnLasso().fit([(X.numpy(), Y)]), WrongType, r"of tensors: got \(ndarray, Tensor\)"),
    (lambda: SkLearnLasso().fit([(X, Y, W, W)]), WrongType, r"got \(Tensor, Tensor, Tensor, Tensor\)"),
    (lambda: SkLearnLasso().fit([(X, None, W)]), WrongType, r"got \(Tensor, NoneType, Tensor\)"),
    (lambda: SGDLasso().fit([(X, Y[:, None, None])]), InvalidArgument, r"got \(50, 4\), \(50, 1, 1\)"),
    (lambda: SGDLasso().fit([(X[:, 0], Y)]), InvalidArgument, r"got \(50,\), \(50,\)"),
    (lambda: SGDLasso().fit([(X, Y[:7])]), InvalidArgument, r"got \(50, 4\), \(7,\)"),
    (lambda: SGDLasso().fit([(X, Y, W[:7])]), InvalidArgument, r"got \(50, 4\), \(50,\), \(7,\)"),
    (lambda: SkLearnLasso().fit([(X, Y, W), (X, Y, None)]), InvalidArgument, "weights always or never: got 1 in 2"),
    (lambda: SGDLasso().fit([]), InvalidArgument, "got none in epoch 0"),
    (lambda: SGDLasso().fit(iter([(X, Y)]), running_loss_window=1), InvalidArgument, "got none in epoch 1"),
    (lambda: SGDLasso().fit([(X, Y)], max_epoch=0), InvalidArgument, "max_epoch must be an integer of at least 1"),
    (lambda: SGDLasso().fit([(X, Y)], running_loss_window=-1), InvalidArgument, "running_loss_window must be"),
    (lambda: SGDLasso().fit([(X, Y)], init_scheme="ones"), InvalidArgument, "init_scheme must be .* got 'ones'"),
    (lambda: SGDLasso(norm_type="ones").fit([(X, Y)]), InvalidArgument, "norm_type must be one of .* got 'ones'"),
    (lambda: LinearModel(abs)._construct_model_params(2), InvalidArgument, "or weight_values: got 2 and None"),
    (lambda: SkLearnLinearModel("svm.Lasso").fit([(X, Y)]), NotFound, "sklearn_module must name .* got 'svm.Lasso'"),
    (lambda: SkLearnLinearModel("svm.SVR").fit([(X, Y)]), NotFound, "linear coefficients: 'svm.SVR' has none"),
])  # fmt: skip
def test_errors_say_what_was_expected_and_what_came(call: Any, error: type[PellucidError], message: str):
    with pytest.raises(error, match=message):
        call()


def test_a_regression_has_no_classes():
    model = SkLearnLasso()
    model.fit([(X, Y)])
    with pytest.raises(NotFound, match="a regression has no classes"):
        model.classes()
