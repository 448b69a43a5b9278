"""Linear models, fitted by scikit-learn or by gradient descent, for explaining a model by a simpler one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pellucid.models.gradient_descent import Loss, l2_loss, sgd_train_linear_model
from pellucid.models.linear_model import Batch, LinearModel, Model
from pellucid.models.scikit_learn import Array, sklearn_train_linear_model

__all__ = [
    "Array",
    "Batch",
    "LinearModel",
    "Loss",
    "Model",
    "SGDLasso",
    "SGDLinearModel",
    "SGDLinearRegression",
    "SGDRidge",
    "SkLearnLasso",
    "SkLearnLinearModel",
    "SkLearnLinearRegression",
    "SkLearnRidge",
    "l2_loss",
    "sgd_train_linear_model",
    "sklearn_train_linear_model",
]


class SGDLinearModel(LinearModel):
    """A linear model fitted by stochastic gradient descent, `sgd_train_linear_model`.

    Args:
        **kwargs: `norm_type` (None, "batch_norm" or "layer_norm"), `affine_norm` (False: the norm learns no scale and
            shift) and `bias` (True: there is one).

    Examples:
        >>> import torch
        >>> from pellucid.models.linear import SGDLinearModel
        >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
        >>> model = SGDLinearModel(bias=False)
        >>> fitted = model.fit([(x, x @ torch.tensor([2.0, -1.0]))], reg_term=None, initial_lr=1.0, max_epoch=1000)
        >>> model.representation().round(decimals=1)
        tensor([[ 2., -1.]])
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(sgd_train_linear_model, **kwargs)


class SGDLasso(SGDLinearModel):
    """A linear model fitted by gradient descent on the squared error and the coefficients' absolute values.

        mean((f(x) - y)^2) / 2 + alpha sum |W|

    Unlike scikit-learn's, it seldom makes coefficients exactly zero.

    Args:
        **kwargs: As of `SGDLinearModel`.
    """

    def fit(self, train_data: Iterable[Any], **kwargs: Any) -> Any:
        """Fit the model: arguments and results as of `sgd_train_linear_model`, without `loss_fn` and `reg_term`."""
        return super().fit(train_data, loss_fn=l2_loss, reg_term=1, **kwargs)


class SGDRidge(SGDLinearModel):
    """A linear model fitted by gradient descent on the squared error and the length of the coefficients.

        mean((f(x) - y)^2) / 2 + alpha sqrt(sum W^2)

    Unlike in ridge regression proper, the length of the coefficients is not squared.

    Args:
        **kwargs: As of `SGDLinearModel`.
    """

    def fit(self, train_data: Iterable[Any], **kwargs: Any) -> Any:
        """Fit the model: arguments and results as of `sgd_train_linear_model`, without `loss_fn` and `reg_term`."""
        return super().fit(train_data, loss_fn=l2_loss, reg_term=2, **kwargs)


class SGDLinearRegression(SGDLinearModel):
    """A linear model fitted by gradient descent on the squared error, mean((f(x) - y)^2) / 2.

    Args:
        **kwargs: As of `SGDLinearModel`.
    """

    def fit(self, train_data: Iterable[Any], **kwargs: Any) -> Any:
        """Fit the model: arguments and results as of `sgd_train_linear_model`, without `loss_fn` and `reg_term`."""
        return super().fit(train_data, loss_fn=l2_loss, reg_term=None, **kwargs)


class SkLearnLinearModel(LinearModel):
    """A linear model fitted by any class of scikit-learn that has coefficients: `pip install pellucid[linear]`.

    Args:
        sklearn_module: The path of the class below `sklearn`, such as "linear_model.Lasso".
        **kwargs: Arguments of the class.

    Examples:
        >>> import torch
        >>> from pellucid.models.linear import SkLearnLinearModel
        >>> model = SkLearnLinearModel("linear_model.LogisticRegression")
        >>> fitted = model.fit([(torch.tensor([[-1.0], [1.0]]), torch.tensor([3, 7]))])
        >>> model.classes()
        tensor([3, 7], dtype=torch.int32)
    """

    def __init__(self, sklearn_module: str, **kwargs: Any) -> None:
        super().__init__(sklearn_train_linear_model, **kwargs)
        self.sklearn_module = sklearn_module

    def fit(self, train_data: Iterable[Any], **kwargs: Any) -> Any:
        """Fit the model.

        Args:
            train_data: Gives batches `(x, y)` or `(x, y, weights)`: x of shape (B, F), y (B,) or (B, O), weights (B,)
                or (B, 1).
            **kwargs: `norm_input=True` standardises the features; all else goes to the `fit` of the class.

        Returns:
            "train_time": the seconds of the fit.

        Raises:
            InvalidArgument: The data are not as above.
            NotFound: There is no such class, or it fits no linear model.
            ImportError: scikit-learn is not installed.
        """
        return super().fit(train_data, sklearn_trainer=self.sklearn_module, **kwargs)


class SkLearnLasso(SkLearnLinearModel):
    """A linear model fitted by scikit-learn's Lasso.

        mean((f(x) - y)^2) / 2 + alpha sum |W|

    Args:
        **kwargs: Arguments of `sklearn.linear_model.Lasso`, as `alpha` (1.0).

    Examples:
        >>> import torch
        >>> from pellucid.models.linear import SkLearnLasso
        >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
        >>> model = SkLearnLasso(alpha=0.1)
        >>> fitted = model.fit([(x, x @ torch.tensor([2.0, 0.1]))])
        >>> model.representation()
        tensor([[1.8000, 0.0000]])
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("linear_model.Lasso", **kwargs)


class SkLearnRidge(SkLearnLinearModel):
    """A linear model fitted by scikit-learn's Ridge.

        sum (f(x) - y)^2 + alpha sum W^2

    Args:
        **kwargs: Arguments of `sklearn.linear_model.Ridge`, as `alpha` (1.0).
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("linear_model.Ridge", **kwargs)


class SkLearnLinearRegression(SkLearnLinearModel):
    """A linear model fitted by scikit-learn's LinearRegression: least squares.

    Args:
        **kwargs: Arguments of `sklearn.linear_model.LinearRegression`, as `fit_intercept` (True).
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("linear_model.LinearRegression", **kwargs)
