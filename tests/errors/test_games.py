"""What is said when methods that take features away are called, or answered, wrongly."""

import itertools
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from laws.counting import Counted
from laws.games import GAMES as EXACT
from laws.games import alike
from pellucid import attr
from pellucid.errors import InvalidArgument, PellucidWarning
from pellucid.methods import Background, Lasso, LimeBase

X = torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], [2.0, 2.0, 1.0, 3.0]])


def total(x: Tensor) -> Tensor:
    return x.sum(1)


GAMES: dict[str, Callable[..., Tensor]] = {
    **{name: game for name, game in EXACT.items() if name != "Lime"},
    "Lime": lambda model, x, **more: attr.Lime(model).attribute(x, seed=0, **more),
    "Lime-in-parts": lambda model, x, **more: attr.Lime(model, None, alike).attribute(x, seed=0, **more),
}
every_game = pytest.mark.parametrize("name", GAMES)


def warned(call: Callable[[], Any]) -> tuple[Any, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = call()
    assert all(each.category is PellucidWarning for each in caught)
    return result, [str(each.message) for each in caught]


@every_game
def test_all_features_at_their_baselines(name: str):
    model = Counted(total)
    found, said = warned(lambda: GAMES[name](model, X, baselines=X.clone()))
    assert found.shape == X.shape
    assert not found.any()
    assert said == ["baselines are equal to the inputs: all attributions are zero."]


@every_game
def test_one_example_at_its_baselines_is_nothing_to_warn_of(name: str):
    baselines = torch.zeros_like(X)
    baselines[1] = X[1]
    found, said = warned(lambda: GAMES[name](total, X, baselines=baselines))
    assert said == []
    torch.testing.assert_close(found[1], torch.zeros(4), rtol=0, atol=2e-6)
    assert found[[0, 2]].any(1).all()


@every_game
def test_outputs_whose_size_changes(name: str):
    calls = itertools.count(1)
    with pytest.raises(InvalidArgument, match=r"forward_func must return outputs of one size.*\[inputs: "):
        GAMES[name](lambda x: x[:, :1].expand(-1, next(calls)), X, perturbations_per_eval=1)


@every_game
def test_outputs_that_are_no_tensors(name: str):
    with pytest.raises(InvalidArgument, match="forward_func must return a tensor: got list"):
        GAMES[name](lambda x: x.tolist(), X)


@every_game
def test_a_mask_for_each_example_of_a_loss(name: str):
    if name == "Occlusion":
        return
    with pytest.raises(InvalidArgument, match="feature_mask must be one for all examples where the model returns"):
        GAMES[name](lambda x: x.sum(), X, feature_mask=torch.tensor([[0, 1, 2, 3], [3, 2, 1, 0], [0, 1, 3, 2]]))


@pytest.mark.parametrize("sampling", ["all", "", None, 3])
def test_an_unknown_sampling(sampling: Any):
    with pytest.raises(InvalidArgument, match=f"sampling must be .*auto.*captum.*got {sampling!r}"):
        attr.KernelShap(total).attribute(X, sampling=sampling)


def ending(samples: int) -> Callable[..., Iterator[Tensor]]:
    """Draws this many samples and ends."""

    def perturb(original: Tensor, **arguments: Any) -> Iterator[Tensor]:
        for sample in range(samples):
            yield torch.tensor([[sample & 1, sample >> 1 & 1, sample >> 2 & 1, sample >> 3 & 1]]).float()

    return perturb


def test_a_generator_that_ends_early():
    lime = attr.Lime(lambda x: x[:, 0] * 3, Lasso(alpha=1e-9), alike, ending(16))
    found, said = warned(lambda: lime.attribute(X, n_samples=20))
    torch.testing.assert_close(found, torch.cat([3 * X[:, :1], torch.zeros(3, 3)], 1), rtol=1e-5, atol=1e-5)
    assert set(said) == {"perturb_func must yield n_samples samples: expected 20, got 16, which are used."}


def test_a_generator_that_goes_on_is_asked_for_no_more():
    drawn = []

    def forever(original: Tensor, **arguments: Any) -> Iterator[Tensor]:
        for sample in itertools.count():
            drawn.append(sample)
            yield torch.tensor([[1.0, 0.0, sample % 2, 1.0]])

    attr.Lime(total, None, alike, forever).attribute(X[:1], n_samples=6)
    assert drawn == list(range(6))


class Means:
    """Learns the mean of the outputs times what was there."""

    def fit(self, data: Any) -> None:
        (self.batch,) = data

    def representation(self) -> Tensor:
        present, outputs, _ = self.batch
        return (present * outputs[:, None]).mean(0, keepdim=True)


def by_parts(**parts: Any) -> attr.LimeBase:
    given = {
        "forward_func": total,
        "interpretable_model": Means(),
        "similarity_func": alike,
        "perturb_func": lambda original: torch.ones(1, 4),
        "perturb_interpretable_space": True,
        "from_interp_rep_transform": lambda sample, original: original * sample,
        "to_interp_rep_transform": None,
    }
    return attr.LimeBase(**(given | parts))


class TestLimeBase:
    def test_without_the_transform_that_it_needs(self):
        with pytest.raises(InvalidArgument, match="from_interp_rep_transform must be a function where interpretable"):
            by_parts(from_interp_rep_transform=None)
        with pytest.raises(InvalidArgument, match="to_interp_rep_transform must be a function where perturbed"):
            by_parts(perturb_interpretable_space=False)
        with pytest.raises(InvalidArgument, match="from_interp_rep_transform must be a function"):
            LimeBase(interpretable_model=Means(), similarity_func=alike, perturb_func=lambda original: None)

    @pytest.mark.parametrize(
        ("parts", "says"),
        [
            ({"perturb_func": lambda original: torch.ones(4)}, "an interpretable sample must have the shape (1, col"),
            ({"perturb_func": lambda original: torch.ones(2, 4)}, "must have the shape (1, columns): got (2, 4)"),
            ({"from_interp_rep_transform": lambda *_: [1]}, "perturbed inputs must be a tensor or a tuple of tensors"),
            ({"similarity_func": lambda *_: torch.ones(2)}, "similarity_func must return one number: got (2,)"),
            ({"perturb_func": lambda original: iter(())}, "perturb_func must yield at least one sample: got none"),
            ({"forward_func": lambda x: x}, "forward_func must return one value for all inputs together: got 4"),
        ],
        ids=["a row", "two rows", "a list", "two weights", "nothing", "four outputs"],
    )
    def test_with_parts_that_return_something_else(self, parts: dict[str, Any], says: str):
        with pytest.raises(InvalidArgument, match=re.escape(says)) as raised:
            by_parts(**parts).attribute(X[:1])
        assert str(raised.value).startswith("LimeBase: ")

    def test_of_several_examples(self):
        with pytest.raises(InvalidArgument, match="one value for all inputs together: got 3"):
            by_parts().attribute(X)

    @pytest.mark.parametrize("samples", [0, -1])
    def test_without_samples(self, samples: int):
        with pytest.raises(InvalidArgument, match="n_samples must be an integer of at least 1"):
            by_parts().attribute(X[:1], n_samples=samples)

    def test_what_it_learns(self):
        torch.testing.assert_close(by_parts().attribute(X[:1], n_samples=3), torch.full((1, 4), 10.0))


BARS = {
    "KernelShap": (lambda **more: attr.KernelShap(total).attribute(X, seed=0, **more), "Kernel Shap", 16),
    "KernelShap-auto": (
        lambda **more: attr.KernelShap(total).attribute(X, sampling="auto", **more), "Kernel Shap", 16
    ),
    "Lime": (lambda **more: attr.Lime(total).attribute(X, seed=0, **more), "Lime", 16),
    "LimeBase": (lambda **more: by_parts().attribute(X[:1], n_samples=7, **more), "Lime Base", 7),
}  # fmt: skip


@pytest.mark.parametrize(("call", "words", "most"), BARS.values(), ids=BARS)
@pytest.mark.parametrize("per_eval", [None, 1, 3])
def test_one_bar_that_ends_full(
    call: Any, words: str, most: int, per_eval: int | None, capsys: pytest.CaptureFixture[str]
):
    call(show_progress=True, perturbations_per_eval=per_eval)
    shown = capsys.readouterr().err
    assert set(re.findall(r"([A-Z][A-Za-z ]+) attribution: ", shown)) == {words}
    totals = set(re.findall(r"\| \d+/(\d+) \[", shown))
    assert len(totals) == 1
    assert int(totals.pop()) <= most
    assert shown.count("100%") == 1


@pytest.mark.parametrize("call", [bar[0] for bar in BARS.values()], ids=BARS)
def test_no_bar_unless_asked_for(call: Any, capsys: pytest.CaptureFixture[str]):
    call()
    assert capsys.readouterr().err == ""


@every_game
def test_many_baselines_are_a_background(name: str):
    hint = r"Hint: pellucid.methods.Background\(baselines\) is many, for all but Lime; baselines.mean"
    with pytest.raises(InvalidArgument, match=hint):
        GAMES[name](total, X, baselines=torch.zeros(100, 4))


@every_game
def test_a_background_for_each_input(name: str):
    with pytest.raises(InvalidArgument, match=r"got Background\. Hint: a Background by itself, of a tuple of rows"):
        GAMES[name](total, X, baselines=(Background(X),))
