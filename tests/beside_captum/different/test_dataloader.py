"""Where attributions of data sets, and random baselines, differ. Each docstring is a line of `docs/differences.md`."""

from collections.abc import Iterator
from typing import Any

import captum.attr
import pytest
import torch
from torch import Tensor

import pellucid.attr
from beside_captum.different.compare import assert_named
from beside_captum.same.compare import assert_close, on_captum, on_pellucid, value_of
from beside_captum.same.test_dataloader import LABELS, Loader, X, explain, rows, total
from pellucid.errors import InvalidArgument


def metric(attr: Any, loader: Any, model: Any = rows, **arguments: Any) -> Any:
    return attr.DataLoaderAttribution(attr.FeatureAblation(model)).attribute(loader, reduce=total, **arguments)


def test_other_methods():
    """Other methods that replace features: `AssertionError`; answered."""
    with pytest.raises(AssertionError):
        captum.attr.DataLoaderAttribution(captum.attr.ShapleyValues(rows))
    method = pellucid.attr.DataLoaderAttribution(pellucid.attr.ShapleyValues(rows))
    (found,) = method.attribute(Loader(X), reduce=total)
    assert_close(found, value_of(on_captum(lambda attr: metric(attr, Loader(X))))[0])


def test_subclasses():
    """Subclasses of FeatureAblation: `AssertionError`; answered."""
    for attr in (captum.attr, pellucid.attr):

        class Mine(attr.FeatureAblation):  # type: ignore[misc, name-defined]
            pass

        if attr is captum.attr:
            with pytest.raises(AssertionError):
                attr.DataLoaderAttribution(Mine(rows))
        else:
            (found,) = attr.DataLoaderAttribution(Mine(rows)).attribute(Loader(X), reduce=total)
            assert found.tolist() == [[30, 36]]


@pytest.mark.parametrize("form", ["tensor", "tuple", "dict"])
def test_forms_of_batches(form: str):
    """Batches that are tensors, tuples or dicts: errors, or rows taken for inputs; answered, in their form."""
    batches: list[Any] = list(X.split(2))
    if form == "tuple":
        batches = [(batch,) for batch in batches]
    if form == "dict":
        batches = [{"x": batch} for batch in batches]
    assert on_captum(lambda attr: metric(attr, batches)).error is not None
    found = value_of(on_pellucid(lambda attr: metric(attr, batches)))
    assert type(found) is {"tensor": Tensor, "tuple": tuple, "dict": dict}[form]
    (values,) = found.values() if form == "dict" else found if form == "tuple" else (found,)
    assert values.tolist() == [[30, 36]]


def test_what_can_be_read_once():
    """Batches that can be read once: an error that says something else; `InvalidArgument`."""

    def batches() -> Iterator[list[Tensor]]:
        yield from ([batch] for batch in X.split(2))

    assert_named(
        lambda attr: metric(attr, batches()), AssertionError, "dataloader must be one that can be read several"
    )


def test_no_batches():
    """No batches: `StopIteration`; `InvalidArgument`."""
    assert_named(lambda attr: metric(attr, []), StopIteration, "dataloader must hold at least one batch")


def test_integers():
    """Integer inputs: `RuntimeError`; answered, in their dtype where the baselines are integers."""
    seen: list[torch.dtype] = []

    def model(x: Tensor) -> Tensor:
        seen.append(x.dtype)
        return x.sum(1)

    x = X.long()
    assert type(on_captum(lambda attr: metric(attr, Loader(x), model)).error) is RuntimeError
    seen.clear()
    (found,) = value_of(on_pellucid(lambda attr: metric(attr, Loader(x), model)))
    assert found.tolist() == [[30, 36]]
    assert set(seen) == {torch.int64}
    (found,) = value_of(on_pellucid(lambda attr: metric(attr, Loader(x), model, baselines=0.5)))
    assert found.tolist() == [[27, 33]]


def test_nan():
    """NaN in a feature that is replaced: stays; is replaced."""
    x = X.clone()
    x[3, 1] = torch.nan
    seen: list[bool] = []

    def model(x: Tensor) -> Tensor:
        seen.append(bool(x.isnan().any()))
        return x.nan_to_num(7).sum(1)

    value_of(on_captum(lambda attr: metric(attr, Loader(x), model)))
    assert sum(seen) == 3
    seen.clear()
    (ours,) = value_of(on_pellucid(lambda attr: metric(attr, Loader(x), model)))
    assert sum(seen) == 2
    assert ours.tolist() == [[30, 36]]


def test_ids_that_no_element_has():
    """Ids that no element has: a pass each; not evaluated."""
    passes = []
    for attr in (captum.attr, pellucid.attr):
        loader = Loader(X)
        found = metric(attr, loader, feature_mask=torch.tensor([[0, 5]]), return_input_shape=False)
        assert found.tolist() == [[30, 0, 0, 0, 0, 36]]
        passes.append(loader.passes)
    assert passes == [8, 4]


def test_baselines_and_masks_without_a_first_dimension():
    """Baselines and masks without the dimension of examples: `AssertionError`; the same for all examples."""
    for arguments in ({"baselines": torch.ones(2)}, {"feature_mask": torch.tensor([0, 1])}):
        assert type(on_captum(lambda attr, arguments=arguments: metric(attr, Loader(X), **arguments)).error) is (
            AssertionError
        )
        (found,) = value_of(on_pellucid(lambda attr, arguments=arguments: metric(attr, Loader(X), **arguments)))
        assert found.tolist() == ([[24, 30]] if "baselines" in arguments else [[30, 36]])


def test_unknown_roles():
    """Roles other than 0, 1 and 2: given to the model; `InvalidArgument`."""
    seen: list[int] = []

    def model(*parts: Tensor) -> Tensor:
        seen.append(len(parts))
        return parts[0].sum(1)

    call = {"model": model, "input_roles": (0, 5)}
    assert_named(lambda attr: explain(attr, X, LABELS, **call), None, "input_roles must be 0 for what is")
    assert set(seen) == {2}


def test_progress(capsys: pytest.CaptureFixture[str]):
    """`show_progress`: shows nothing; shows a bar."""
    for attr, shown in ((captum.attr, False), (pellucid.attr, True)):
        metric(attr, Loader(X), show_progress=True)
        assert ("evaluations" in capsys.readouterr().err) == shown


def test_random_baselines_of_tuples_that_do_not_fit():
    """ProductBaselines of tuples that have another number of values than of names: cut; `InvalidArgument`."""
    values = {("a", "b"): [(1,)]}
    assert captum.attr.ProductBaselines(values)() == {"a": 1}
    with pytest.raises(InvalidArgument, match=r"must have a tuple of 2 for \('a', 'b'\)"):
        pellucid.attr.ProductBaselines(values)


def test_random_baselines_of_something_else():
    """ProductBaselines of neither a list nor a dict: an error when it is called; when it is made."""
    captum.attr.ProductBaselines(3)
    with pytest.raises(InvalidArgument, match="baseline_values must be a list of lists, or a dict of lists: got 3"):
        pellucid.attr.ProductBaselines(3)  # type: ignore[arg-type]
