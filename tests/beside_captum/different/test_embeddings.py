"""Where embeddings as inputs differ. Each docstring is a line of `docs/differences.md`."""

import warnings
from types import ModuleType
from typing import Any

import captum.attr
import pytest
import torch
from captum.attr._utils.input_layer_wrapper import ModelInputWrapper as CaptumsModelInputWrapper
from torch import Tensor, nn
from transformers import BertConfig, BertForSequenceClassification

import pellucid.attr
from beside_captum.same.test_embeddings import Words, configured
from zoo.transformers import TINY, seeded

IDS = torch.tensor([[1, 2, 3], [4, 1, 0]])


def test_after_an_error():
    """After an error while an embedding is replaced: it stays replaced; a `with` statement puts it back."""

    def explain(model: nn.Module, attr: ModuleType) -> None:
        layer = configured(attr, model)
        if attr is pellucid.attr:
            with layer:
                raise RuntimeError
        raise RuntimeError

    for attr in (captum.attr, pellucid.attr):
        model = Words()
        with pytest.raises(RuntimeError):
            explain(model, attr)
        assert (type(model.embedding) is nn.Embedding) == (attr is pellucid.attr)


def test_token_ids_while_an_embedding_is_replaced():
    """Token ids while an embedding is replaced: go on as they are; are embedded."""
    for attr in (captum.attr, pellucid.attr):
        model = Words()
        right = model(IDS)
        layer = configured(attr, model)
        if attr is captum.attr:
            assert torch.equal(layer(IDS), IDS)
            with pytest.raises(RuntimeError):
                model(IDS)
        else:
            assert torch.equal(model(IDS), right)


def bert() -> Any:
    return seeded(lambda: BertForSequenceClassification(BertConfig(**TINY, num_labels=3)))


def test_the_block_of_all_embeddings():
    """The block of all embeddings, with `inputs_embeds`: an error, as `input_ids=None` goes on; right predictions."""
    types = torch.tensor([[0, 0, 1], [0, 1, 1]])
    for attr in (captum.attr, pellucid.attr):
        model = bert()
        with torch.no_grad():
            right = model(IDS, token_type_ids=types).logits
            layer = configured(attr, model, "bert.embeddings")
            vectors = layer.indices_to_embeddings(IDS, token_type_ids=types)
            if attr is captum.attr:
                with pytest.raises((AttributeError, TypeError)):
                    model(inputs_embeds=vectors)
            else:
                assert torch.equal(model(inputs_embeds=vectors).logits, right)
                assert torch.equal(model(IDS, token_type_ids=types).logits, right)


def test_names_in_a_data_parallel_model():
    """Names in a data-parallel model: with `module.`; also without."""
    model = nn.DataParallel(Words())
    with pytest.raises(AttributeError):
        configured(captum.attr, model)
    layer = configured(pellucid.attr, model)
    assert model.module.embedding is layer
    pellucid.attr.remove_interpretable_embedding_layer(model, layer)
    assert type(model.module.embedding) is nn.Embedding
    layer = configured(pellucid.attr, model, "module.embedding")
    pellucid.attr.remove_interpretable_embedding_layer(model.module, layer)  # also from the model inside
    assert type(model.module.embedding) is nn.Embedding


def test_attributes_of_the_embedding():
    """Attributes of an embedding while it is replaced: `AttributeError`; there."""
    for attr in (captum.attr, pellucid.attr):
        embedding = nn.Embedding(5, 3, padding_idx=0)
        layer = attr.InterpretableEmbeddingBase(embedding, "embedding")
        if attr is captum.attr:
            with pytest.raises(AttributeError):
                layer.weight  # noqa: B018
        else:
            assert layer.weight is embedding.weight
            assert layer.padding_idx == 0
            with pytest.raises(AttributeError, match="wait"):
                layer.wait  # noqa: B018


def test_the_mode():
    """An embedding of a model in evaluation mode: the replacement is in training mode; in evaluation mode."""
    for attr in (captum.attr, pellucid.attr):
        assert configured(attr, Words().eval()).training == (attr is captum.attr)


def test_arguments_by_name_alone():
    """Arguments of ModelInputWrapper that can only be given by name, and `**kwargs`: `KeyError`; passed on."""

    class Shifted(nn.Module):
        def forward(self, x: Tensor, *, shift: float = 0.0, **more: float) -> Tensor:
            return x + shift + sum(more.values())

    for wrapper in (CaptumsModelInputWrapper, pellucid.attr.ModelInputWrapper):
        model = wrapper(Shifted())
        assert model.arg_name_list == ["x"]
        for arguments in ({"shift": 1.0}, {"another": 1.0}):
            if wrapper is CaptumsModelInputWrapper:
                with pytest.raises(KeyError):
                    model(torch.zeros(1), **arguments)
            else:
                assert model(torch.zeros(1), **arguments).tolist() == [1]


def test_captums_wrapper_is_no_better_hidden_by_warnings():
    """Both warn at every call."""
    for attr in (captum.attr, pellucid.attr):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            attr.configure_interpretable_embedding_layer(Words())
        assert len(caught) == 1
