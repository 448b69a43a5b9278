"""Embedding vectors as inputs lead to the attributions of the embedding layer, and models stay as they were."""

from __future__ import annotations

import copy
import io
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import BertConfig, BertForSequenceClassification, GPT2Config, GPT2ForSequenceClassification

from pellucid.attr import (
    IntegratedGradients,
    InterpretableEmbeddingBase,
    LayerIntegratedGradients,
    ModelInputWrapper,
    Saliency,
    TokenReferenceBase,
    configure_interpretable_embedding_layer,
    remove_interpretable_embedding_layer,
)
from pellucid.errors import InvalidArgument, NotFound, PellucidWarning
from zoo.transformers import TINY, seeded

IDS = torch.tensor([[1, 2, 3, 7], [4, 1, 0, 5]])

pytestmark = pytest.mark.filterwarnings("ignore:.* is replaced by a layer that takes embeddings")


def bert() -> Any:
    return seeded(lambda: BertForSequenceClassification(BertConfig(**TINY, num_labels=3)))


def logits(model: Any, name: str) -> Any:
    """A function of what a model takes under a name."""
    return lambda x, *extra: model(**{name: x}, **({"token_type_ids": extra[0]} if extra else {})).logits


def test_vectors_of_a_transformer_have_the_attributions_of_its_embedding_block():
    model, reference = bert(), TokenReferenceBase(0).generate_reference(4, "cpu").expand(2, 4)
    by_layer = LayerIntegratedGradients(logits(model, "input_ids"), model.bert.embeddings)
    expected = by_layer.attribute(IDS, reference, target=2, n_steps=20)
    with configure_interpretable_embedding_layer(model, "bert.embeddings") as layer:
        vectors, baselines = map(layer.indices_to_embeddings, (IDS, reference))
        method = IntegratedGradients(logits(model, "inputs_embeds"))
        found = method.attribute(vectors.detach(), baselines.detach(), target=2, n_steps=20)
    assert float(expected.abs().max()) > 1e-3
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_words_of_a_transformer():
    """The words alone, while positions and types are added by the model."""
    for make, name in (
        (bert, "bert.embeddings.word_embeddings"),
        (
            lambda: seeded(
                lambda: GPT2ForSequenceClassification(
                    GPT2Config(vocab_size=40, n_embd=16, n_layer=2, n_head=2, pad_token_id=0, num_labels=3)
                )
            ),
            "transformer.wte",
        ),
    ):
        model = make()
        by_layer = LayerIntegratedGradients(logits(model, "input_ids"), name)
        expected = by_layer.attribute(IDS[:1], target=1, n_steps=20)
        embedding = model.get_submodule(name)
        with configure_interpretable_embedding_layer(model, name) as layer:
            vectors, baselines = (layer.indices_to_embeddings(ids).detach() for ids in (IDS[:1], IDS[:1] * 0))
            found = IntegratedGradients(logits(model, "inputs_embeds")).attribute(
                vectors, baselines, target=1, n_steps=20
            )
        assert model.get_submodule(name) is embedding
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.linear = nn.Embedding(8, 3), nn.Linear(3, 2)

    def forward(self, ids: Tensor) -> Tensor:
        return self.linear(self.embedding(ids).sum(1))


@pytest.mark.parametrize("name", ["", "module.", "module.0.", "_orig_mod."])
def test_embeddings_of_wrapped_models_are_put_back_after_an_error(name: str):
    inside = Words()
    models: dict[str, nn.Module] = {
        "": inside,
        "module.": nn.DataParallel(inside),
        "module.0.": nn.DataParallel(nn.Sequential(inside)),
        "_orig_mod.": torch.compile(inside, backend="eager"),  # type: ignore[dict-item]
    }
    model, embedding = models[name], inside.embedding
    names = [f"{name}embedding", f"{name}embedding".removeprefix("module.").removeprefix("_orig_mod.")]

    def explain(full_name: str) -> None:
        with configure_interpretable_embedding_layer(model, full_name) as layer:
            assert inside.embedding is layer
            raise KeyboardInterrupt

    for full_name in names:
        with pytest.raises(KeyboardInterrupt):
            explain(full_name)
        assert inside.embedding is embedding


def test_a_failed_call_leaves_the_model_as_it_was():
    model = Words()
    layer = configure_interpretable_embedding_layer(model)
    with pytest.raises(InvalidArgument, match="must not have been replaced already: got 'embedding'"):
        configure_interpretable_embedding_layer(model)
    assert model.embedding is layer
    remove_interpretable_embedding_layer(model, layer)
    with pytest.raises(
        NotFound, match=r"must be the name of a module of the model: got 'embeding'\. Hint: there is 'emb"
    ):
        configure_interpretable_embedding_layer(model, "embeding")
    with pytest.raises(NotFound, match=r"got 'embedding'\. Hint: there is '0\.embedding'"):
        configure_interpretable_embedding_layer(nn.Sequential(model))
    assert type(model.embedding) is nn.Embedding


def test_the_end_of_a_with_statement_is_harmless_after_a_removal():
    model = Words()
    embedding = model.embedding
    with configure_interpretable_embedding_layer(model) as layer:
        remove_interpretable_embedding_layer(model, layer)
        with configure_interpretable_embedding_layer(model) as again:
            layer.__exit__(None, None, None)
            assert model.embedding is again
    assert model.embedding is embedding
    with InterpretableEmbeddingBase(embedding, "alone") as alone:
        assert alone.embedding is embedding


def test_a_copy_has_its_own_embedding():
    model = Words()
    with configure_interpretable_embedding_layer(model) as layer:
        twin = copy.deepcopy(model)
        remove_interpretable_embedding_layer(twin, layer)
        stored = io.BytesIO()
        torch.save(model, stored)
    assert type(twin.embedding) is nn.Embedding
    assert twin.embedding.weight is not model.embedding.weight
    stored.seek(0)
    loaded = torch.load(stored, weights_only=False)
    assert type(loaded.embedding) is InterpretableEmbeddingBase
    assert torch.equal(loaded(IDS), model(IDS))


def test_the_warning_names_the_users_line():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        configure_interpretable_embedding_layer(Words())
    (warning,) = caught
    assert warning.category is PellucidWarning
    assert warning.filename == __file__


def test_a_reference_of_less_than_nothing():
    with pytest.raises(InvalidArgument, match="sequence_length must be an integer of at least 0: got -1"):
        TokenReferenceBase().generate_reference(-1, None)


def test_one_argument_of_several_is_explained_at_its_module():
    class Both(nn.Module):
        def forward(self, pixels: Tensor, words: Tensor, *, scale: float = 1.0) -> Tensor:
            return (pixels.mean((1, 2)) * words.sum(1) * scale)[:, None]

    pixels, words = torch.randn(2, 4, 4, dtype=torch.float64), torch.randn(2, 3, dtype=torch.float64)
    model = ModelInputWrapper(Both())
    by_layer = LayerIntegratedGradients(model, model.input_maps["words"]).attribute(
        (pixels, words), (pixels, words * 0), target=0
    )
    torch.testing.assert_close(by_layer, pixels.mean((1, 2))[:, None] * words)
    found = Saliency(model).attribute((pixels, words), target=0, abs=False)
    torch.testing.assert_close(found[1], pixels.mean((1, 2))[:, None].expand(2, 3))
