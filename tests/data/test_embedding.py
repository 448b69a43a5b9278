"""The embeddings of token ids: which table is whose, whenever ids are looked up, and nothing changed by the search."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pellucid import attr
from pellucid.errors import InvalidArgument

IDS = torch.tensor([[5, 6], [7, 8]])


class Words(nn.Module):
    """Two tables and a function of the vectors, in one of several ways of asking for them."""

    def __init__(self, asks: str = "once", **config: Any):
        super().__init__()
        torch.manual_seed(0)
        self.words, self.others = nn.Embedding(20, 4), nn.Embedding(20, 4)
        self.weight = nn.Parameter(torch.randn(4))
        self.asks = asks
        if config:
            self.config = SimpleNamespace(**config)
        self.double()

    def forward(self, input_ids, attention_mask=None, scale=1.0):
        if self.asks == "twice":
            return self.of(self.words(input_ids)) + (self.words(input_ids) ** 2).sum((1, 2))
        if self.asks == "a copy":
            return self.of(self.words(input_ids.clone()))
        if self.asks == "longer":
            return self.of(self.words(nn.functional.pad(input_ids, (0, 2))))
        return self.of(self.words(input_ids)) * scale

    def of(self, vectors):
        return torch.tanh(vectors * self.weight).sum(1).prod(1)


class Towers(Words):
    """Two texts, each through its own table or through one, the second first or not."""

    def forward(self, query_input_ids, document_input_ids, second_first=False, shared=False):
        table = self.words if shared else self.others
        document = table(document_input_ids) if second_first else None
        query = self.words(query_input_ids)
        return self.of(query) * torch.sigmoid(table(document_input_ids) if document is None else document).sum((1, 2))


def of_vectors(model: Words, f: Any, *ids: Tensor, tables: Any = None) -> tuple[Tensor, ...]:
    """What a function of vectors attributes to these, added up."""
    tables = tables or [model.words] * len(ids)
    vectors = tuple(table(value).detach() for table, value in zip(tables, ids, strict=True))
    return tuple(values.sum(-1) for values in attr.InputXGradient(f).attribute(vectors))


def test_a_table_that_is_asked_twice_answers_twice():
    model = Words("twice")
    (expected,) = of_vectors(model, lambda x: model.of(x) + (x**2).sum((1, 2)), IDS)
    torch.testing.assert_close(attr.InputXGradient(model).attribute({"input_ids": IDS})["input_ids"], expected)


@pytest.mark.parametrize("asks", ["a copy", "longer"])
def test_a_copy_of_ids_is_these_padded_or_not(asks: str):
    model = Words(asks)
    padding = model.words(torch.zeros(2, 2 if asks == "longer" else 0, dtype=torch.int64)).detach()
    (expected,) = of_vectors(model, lambda x: model.of(torch.cat([x, padding], 1)), IDS)
    torch.testing.assert_close(attr.InputXGradient(model).attribute({"input_ids": IDS})["input_ids"], expected)


@pytest.mark.parametrize("second_first", [False, True])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(
    "document", [IDS, IDS.clone(), torch.tensor([[1, 2, 3], [5, 6, 7]])], ids=["same", "equal", "other"]
)
def test_each_text_has_its_own_vectors(second_first: bool, shared: bool, document: Tensor):
    model = Towers()
    inputs = {"query_input_ids": IDS, "document_input_ids": document, "second_first": second_first, "shared": shared}
    found = attr.InputXGradient(model).attribute(inputs)
    expected = of_vectors(
        model,
        lambda query, document: model.of(query) * torch.sigmoid(document).sum((1, 2)),
        IDS,
        document,
        tables=[model.words, model.words if shared else model.others],
    )
    torch.testing.assert_close((found["query_input_ids"], found["document_input_ids"]), expected)


def test_a_table_that_is_not_asked_is_told():
    with pytest.raises(InvalidArgument, match=r"embedding must embed inputs\['input_ids'\]: Embedding was not asked"):
        attr.Saliency(Words()).attribute({"input_ids": IDS}, embedding="others")


@pytest.mark.filterwarnings("ignore:.*in training mode")
def test_the_search_leaves_the_model_and_the_random_state():
    class ImageFirst(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.dropout, self.words = nn.BatchNorm1d(4), nn.Dropout(), nn.Embedding(20, 4)

        def forward(self, pixels, input_ids):
            return (self.dropout(self.norm(pixels)) * self.words(input_ids).sum(1)).sum(1)

    model, pixels = ImageFirst(), torch.randn(2, 4)
    before = copy.deepcopy(model.state_dict())
    torch.manual_seed(0)
    attr.Saliency(model).attribute({"pixels": pixels, "input_ids": IDS})
    after_search = torch.get_rng_state()
    torch.manual_seed(0)
    attr.Saliency(model).attribute({"pixels": pixels, "input_ids": IDS}, embedding="words")
    assert torch.equal(torch.get_rng_state(), after_search)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_model_that_says_no_table():
    class Silent(Words):
        def get_input_embeddings(self):
            raise NotImplementedError

    model = Silent()
    (expected,) = of_vectors(model, model.of, IDS)
    torch.testing.assert_close(attr.InputXGradient(model).attribute({"input_ids": IDS})["input_ids"], expected)


@pytest.mark.parametrize("kind", [Tensor.numpy, Tensor.tolist], ids=["arrays", "lists"])
def test_padding_is_left_alone_in_arrays_and_lists(kind: Any):
    ids, mask, model = torch.tensor([[5, 6, 3], [7, 3, 3]]), torch.tensor([[1, 1, 0], [1, 0, 0]]), Words(pad_token_id=9)
    for explainer in (attr.IntegratedGradients(model), attr.FeatureAblation(model)):
        found = explainer.attribute({"input_ids": kind(ids), "attention_mask": kind(mask)})["input_ids"]
        expected = explainer.attribute({"input_ids": ids, "attention_mask": mask})["input_ids"]
        np.testing.assert_array_equal(found, expected)
        assert not expected[mask == 0].any()
        assert expected[0, :2].all()


def test_masks_of_floats_are_masks():
    class Mean(Words):
        def forward(self, input_ids, attention_mask):
            vectors = torch.tanh(self.words(input_ids)) * attention_mask[..., None]
            return vectors.sum((1, 2)) / attention_mask.sum(1).sqrt()

    mask, model = torch.tensor([[1, 1], [1, 0]]), Mean()
    found = attr.IntegratedGradients(model).attribute({"input_ids": IDS, "attention_mask": mask.double()})
    expected = attr.IntegratedGradients(model).attribute({"input_ids": IDS, "attention_mask": mask})
    torch.testing.assert_close(found["input_ids"], expected["input_ids"])
    assert found["attention_mask"] is None


def test_special_tokens_of_configurations():
    """Several ends, as Llama has; and those of the part for texts, as of CLIP."""
    ids = torch.tensor([[5, 6, 8]])
    for config in ({"eos_token_id": [8, 4]}, {"text_config": SimpleNamespace(eos_token_id=8)}):
        found = attr.FeatureAblation(Words(pad_token_id=0, **config)).attribute({"input_ids": ids})["input_ids"]
        assert found[0].ne(0).tolist() == [True, True, False]


def test_unknown_words_are_words():
    tokenizer = SimpleNamespace(all_special_ids=[5, 8], unk_token_id=5, sep_token_id=8, mask_token_id=9)
    found = attr.FeatureAblation(Words()).attribute({"input_ids": torch.tensor([[5, 6, 8]])}, tokenizer=tokenizer)
    assert found["input_ids"][0].ne(0).tolist() == [True, True, False]


def test_the_search_knows_what_the_model_takes_besides():
    def model(input_ids, *, by):
        return words(input_ids, scale=by)

    words = Words()
    found = attr.InputXGradient(model).attribute({"input_ids": IDS}, additional_forward_kwargs={"by": 2.0})
    torch.testing.assert_close(
        found["input_ids"], 2 * attr.InputXGradient(words).attribute({"input_ids": IDS})["input_ids"]
    )


def test_errors_of_sums_are_not_sums_of_errors():
    tunnel = attr.NoiseTunnel(attr.Saliency(Words()))
    more = {"nt_samples": 4, "seed": 0, "return_stderr": True}
    found, errors = tunnel.attribute({"input_ids": IDS}, **more)
    assert found["input_ids"].shape == IDS.shape
    assert errors == {"input_ids": None}
    kept, errors = tunnel.attribute({"input_ids": IDS}, keep_embedding=True, **more)
    assert kept["input_ids"].shape == errors["input_ids"].shape == (2, 2, 4)
    assert errors["input_ids"].all()
