"""Encodings of texts go in as tokenizers return them, and attributions of tokens come back.

Row 4 of what users met elsewhere.
"""

from __future__ import annotations

import logging
import types
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pellucid import attr
from pellucid.data import aggregate, word_mask
from pellucid.errors import InvalidArgument

transformers = pytest.importorskip("transformers")

TEXTS = ["the movie was great", "not a very boring film . and fun"]
PAD, UNKNOWN, CLS, SEP, MASK = range(5)
SIZES = {
    "hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 2, "intermediate_size": 24, "vocab_size": 30,
    "max_position_embeddings": 32, "pad_token_id": PAD,
}  # fmt: skip
SEPARATE = {"pad_token_id": PAD, "bos_token_id": CLS, "eos_token_id": SEP}
ATTENDING_IN_GROUPS = SIZES | {"num_key_value_heads": 1, "head_dim": 8}
CONFIGS = {
    "Bart": {
        "d_model": 16, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2, "vocab_size": 30,
        "decoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "max_position_embeddings": 32,
        "decoder_start_token_id": SEP, **SEPARATE,
    },
    "DistilBert": {"dim": 16, "n_heads": 2, "n_layers": 2, "hidden_dim": 24, "vocab_size": 30, "pad_token_id": PAD},
    "GPT2": {"n_embd": 16, "n_head": 2, "n_layer": 2, "vocab_size": 30, **SEPARATE},
    "Llama": ATTENDING_IN_GROUPS,
    "Mistral": ATTENDING_IN_GROUPS,
    "Qwen3": ATTENDING_IN_GROUPS,
    "T5": {
        "d_model": 16, "num_heads": 2, "d_kv": 8, "num_layers": 2, "d_ff": 24, "vocab_size": 30,
        "decoder_start_token_id": PAD,
    },
}  # fmt: skip
LINES = [
    ("Bert", "ForSequenceClassification", 1),
    ("Bert", "ForTokenClassification", (2, 1)),
    ("Bert", "ForMaskedLM", (3, 7)),
    ("Bert", "ForNextSentencePrediction", 1),
    ("DistilBert", "ForSequenceClassification", 1),
    ("Roberta", "ForSequenceClassification", 1),
    ("Electra", "ForSequenceClassification", 1),
    ("Albert", "ForSequenceClassification", 1),
    ("DebertaV2", "ForSequenceClassification", 1),
    ("MPNet", "ForSequenceClassification", 1),
    ("GPT2", "ForSequenceClassification", 1),
    ("GPT2", "LMHeadModel", (3, 7)),
    ("Llama", "ForSequenceClassification", 1),
    ("Llama", "ForCausalLM", (3, 7)),
    ("Mistral", "ForSequenceClassification", 1),
    ("Qwen3", "ForSequenceClassification", 1),
    ("T5", "ForConditionalGeneration", (0, 7)),
    ("Bart", "ForSequenceClassification", 1),
]
QUICK = {"Bert", "GPT2", "T5", "DistilBert"}


def tokenizer() -> Any:
    """A tokenizer of a few words, two of which are two tokens."""
    tokenizers = pytest.importorskip("tokenizers")
    words = ["the", "movie", "was", "great", "not", "a", "very", "bor", "##ing", "film", ".", "and", "fun"]
    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words])}
    model = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]"))
    model.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    model.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=model, pad_token="[PAD]", mask_token="[MASK]", cls_token="[CLS]", sep_token="[SEP]"
    )


def model_of(name: str, head: str) -> nn.Module:
    torch.manual_seed(0)
    sizes = CONFIGS.get(name, SIZES)
    extra = {"embedding_size": 16} if name in ("Electra", "Albert") else {}
    config = getattr(transformers, f"{name}Config")(**sizes, **extra)
    model = getattr(transformers, name + head)(config).eval().double()
    for parameter in model.parameters():  # weights of a size that makes a difference
        nn.init.normal_(parameter, std=0.2) if parameter.ndim > 1 else None
    return model


def encoded(model: nn.Module) -> Any:
    encoding = tokenizer()(TEXTS, return_tensors="pt", padding=True)
    if model.config.is_encoder_decoder and "Conditional" in type(model).__name__:
        encoding["decoder_input_ids"] = torch.tensor([[PAD, 6], [PAD, 9]])
    return encoding


def ids_of_absence(encoding: Any) -> Tensor:
    """What is expected to stand for absent tokens: padding in the place of all but special tokens."""
    ids = encoding["input_ids"]
    special = (ids == CLS) | (ids == SEP) | (ids == PAD)
    return torch.where(special, ids, PAD)


@pytest.mark.parametrize(
    ("name", "head", "target"),
    [pytest.param(*line, marks=[] if line[0] in QUICK else pytest.mark.large, id=line[0] + line[1]) for line in LINES],
)
@pytest.mark.filterwarnings("ignore:attributions do not add up")  # of twenty steps, the same in both
def test_kinds_of_models(name: str, head: str, target: Any):
    model = model_of(name, head)
    encoding = encoded(model)
    ids, others = encoding["input_ids"], {key: value for key, value in encoding.items() if key != "input_ids"}
    found, delta = attr.IntegratedGradients(model).attribute(
        encoding, target=target, return_convergence_delta=True, n_steps=20
    )
    assert {key for key, value in found.items() if value is None} == set(others)

    def of_ids(ids: Tensor, *values: Tensor) -> Tensor:
        return model(input_ids=ids, **dict(zip(others, values, strict=True))).logits

    encoder = {"T5": model, "Bart": getattr(model, "model", None)}.get(name)
    table = model.get_input_embeddings() if encoder is None else encoder.encoder.embed_tokens
    layer = attr.LayerIntegratedGradients(of_ids, table, call=0)
    by_hand = layer.attribute(
        ids, ids_of_absence(encoding), target=target, additional_forward_args=tuple(others.values()), n_steps=20
    )
    torch.testing.assert_close(found["input_ids"], by_hand.sum(-1), rtol=1e-6, atol=1e-9)
    assert found["input_ids"].abs().max() > 1e-6

    ablated = attr.FeatureAblation(model).attribute(encoding, target=target)["input_ids"]
    with torch.no_grad():
        index = (slice(None), *(target if isinstance(target, tuple) else (target,)))
        for token in range(ids.shape[1]):
            without = ids.clone()
            without[:, token] = ids_of_absence(encoding)[:, token]
            change = of_ids(ids, *others.values())[index] - of_ids(without, *others.values())[index]
            torch.testing.assert_close(ablated[:, token], change, rtol=1e-5, atol=1e-9)
    assert delta.shape == (2,)


METHODS: dict[str, Callable[[Any], Any]] = {
    "Saliency": attr.Saliency,
    "InputXGradient": attr.InputXGradient,
    "DeepLift": attr.DeepLift,
    "LRP": attr.LRP,
    "GuidedBackprop": attr.GuidedBackprop,
    "Deconvolution": attr.Deconvolution,
}


@pytest.mark.parametrize("name", METHODS)
def test_gradients_are_those_of_the_embedding(name: str):
    """Beside the model that takes vectors, as transformers' have one."""
    model = model_of("Bert", "ForSequenceClassification")
    encoding = encoded(model)
    embedding, others = model.get_input_embeddings(), {"attention_mask": encoding["attention_mask"]}
    found = METHODS[name](model).attribute(encoding, target=1, keep_embedding=True)["input_ids"]
    explainer = METHODS[name](lambda vectors, mask: model(inputs_embeds=vectors, attention_mask=mask).logits)
    more = {"baselines": embedding(ids_of_absence(encoding)).detach()} if name == "DeepLift" else {}
    expected = explainer.attribute(
        embedding(encoding["input_ids"]).detach(), target=1, additional_forward_args=(others["attention_mask"],), **more
    )
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)


def test_noise_is_in_the_embedding_and_ids_get_none():
    model = model_of("Bert", "ForSequenceClassification")
    encoding, seen = encoded(model), []
    handle = model.get_input_embeddings().register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
    for inside in (attr.IntegratedGradients(model), attr.Saliency(model), attr.GradientShap(model)):
        more = {"baselines": {"input_ids": torch.tensor([[CLS, 6, 7, SEP, *[PAD] * 7]])}}
        arguments = {"nt_samples": 2, "stdevs": 0.1, "seed": 0} | (
            more if isinstance(inside, attr.GradientShap) else {}
        )
        found = attr.NoiseTunnel(inside).attribute(encoding, target=1, **arguments)["input_ids"]
        assert found.shape == encoding["input_ids"].shape
    handle.remove()
    assert all(ids.dtype == torch.int64 for ids in seen)


def test_without_noise_a_tunnel_is_what_is_inside():
    model = model_of("Bert", "ForSequenceClassification")
    encoding = encoded(model)
    tunnel = attr.NoiseTunnel(attr.IntegratedGradients(model)).attribute(encoding, target=1, nt_samples=2, stdevs=0.0)
    alone = attr.IntegratedGradients(model).attribute(encoding, target=1)
    torch.testing.assert_close(tunnel["input_ids"], alone["input_ids"])


def test_distributions_of_baselines_are_ids():
    model = model_of("Bert", "ForSequenceClassification")
    encoding = encoded(model)
    rows = torch.randint(5, 18, (4, encoding["input_ids"].shape[1]), generator=torch.Generator().manual_seed(0))
    found = attr.DeepLiftShap(model).attribute(encoding, baselines={"input_ids": rows}, target=1)["input_ids"]
    single = [
        attr.DeepLift(model).attribute(encoding, baselines={"input_ids": row[None]}, target=1)["input_ids"]
        for row in rows
    ]
    torch.testing.assert_close(found, torch.stack(single).mean(0))


def test_the_mask_token_of_a_tokenizer_stands_for_absence_and_that_is_logged(caplog: pytest.LogCaptureFixture):
    model = model_of("Bert", "ForSequenceClassification")
    encoding = encoded(model)
    with caplog.at_level(logging.INFO, "pellucid"):
        found = attr.FeatureAblation(model).attribute(encoding, target=1, tokenizer=tokenizer())
    ids = encoding["input_ids"]
    masked = torch.where(ids_of_absence(encoding) == ids, ids, MASK)
    given = attr.FeatureAblation(model).attribute(encoding, baselines={"input_ids": masked}, target=1)
    torch.testing.assert_close(found["input_ids"], given["input_ids"])
    assert "mask_token 4 stands for absent tokens" in caplog.text
    assert "output['logits'] is explained, of a SequenceClassifierOutput" in caplog.text
    special = ids_of_absence(encoding) == ids
    assert not found["input_ids"][special].any()


def test_texts_go_through_the_tokenizer():
    model = model_of("Bert", "ForSequenceClassification")
    found = attr.IntegratedGradients(model).attribute(TEXTS, target=1, tokenizer=tokenizer())
    expected = attr.IntegratedGradients(model).attribute(encoded(model), target=1, tokenizer=tokenizer())
    torch.testing.assert_close(found["input_ids"], expected["input_ids"])


def test_neither_a_mask_token_nor_padding():
    """Vectors of zeros stand for absent tokens; where tokens are taken away as ids, no id does."""
    model = model_of("GPT2", "LMHeadModel")
    model.config.pad_token_id = None
    encoding = dict(encoded(model))
    ablation = attr.FeatureAblation(model)
    with pytest.raises(
        InvalidArgument,
        match="baselines must have an id for absent tokens of input_ids, as neither tokenizer nor model has mask or",
    ):
        ablation.attribute(encoding, target=(-1, 7))
    found = ablation.attribute(encoding, {"input_ids": UNKNOWN}, target=(-1, 7))["input_ids"]
    expected = ablation.attribute(
        encoding, target=(-1, 7), tokenizer=types.SimpleNamespace(mask_token_id=UNKNOWN, all_special_ids=[])
    )
    torch.testing.assert_close(found, expected["input_ids"])
    assert attr.IntegratedGradients(model).attribute(encoding, target=(-1, 7), n_steps=200)["input_ids"].any()


def test_removal_instead_of_an_absent_token():
    model = model_of("Bert", "ForSequenceClassification")
    encoding = encoded(model)
    found = attr.FeatureAblation(model).attribute(
        encoding, target=1, removal=lambda ids, absent: ids.masked_fill(absent, UNKNOWN)
    )
    ids = encoding["input_ids"]
    expected = attr.FeatureAblation(model).attribute(encoding, {"input_ids": torch.full_like(ids, UNKNOWN)}, target=1)
    torch.testing.assert_close(found["input_ids"], expected["input_ids"])


def test_layers_take_encodings():
    model = model_of("Bert", "ForSequenceClassification")
    encoding = encoded(model)
    found = attr.LayerIntegratedGradients(model, model.bert.embeddings).attribute(encoding, target=1)
    assert found.shape == (2, encoding["input_ids"].shape[1], 16)
    assert attr.LayerActivation(model, "bert.encoder.layer.0.output").attribute(encoding).shape == found.shape


def test_two_towers_and_images_with_words():
    class Towers(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.embed, self.image = nn.Embedding(20, 4), nn.Linear(3, 4)

        def forward(self, query_input_ids, document_input_ids, pixels):
            query = torch.tanh(self.embed(query_input_ids)).sum(1)
            document = torch.tanh(self.embed(document_input_ids)).sum(1)
            return (query * document).sum(1) + (query * self.image(pixels)).sum(1)

    model = Towers().double()
    inputs = {
        "query_input_ids": torch.tensor([[5, 6], [7, 8]]),
        "document_input_ids": torch.tensor([[9, 10, 11], [7, 8, 12]]),
        "pixels": torch.randn(2, 3, dtype=torch.float64),
    }
    found, delta = attr.IntegratedGradients(model).attribute(inputs, return_convergence_delta=True, n_steps=200)
    assert {name: tuple(value.shape) for name, value in found.items()} == {
        "query_input_ids": (2, 2), "document_input_ids": (2, 3), "pixels": (2, 3),
    }  # fmt: skip
    assert delta.abs().max() < 1e-5
    assert all(value.any() for value in found.values())


def test_masks_of_attention_beside_the_ids():
    model = model_of("Bert", "ForSequenceClassification")
    encoding = encoded(model)

    def forward(input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return model(input_ids=input_ids, attention_mask=attention_mask).logits

    ids, mask = {"input_ids": encoding["input_ids"]}, encoding["attention_mask"]
    expected = attr.Saliency(forward).attribute(ids | {"attention_mask": mask}, target=1)["input_ids"]
    found = attr.Saliency(forward).attribute(ids, target=1, additional_forward_kwargs={"attention_mask": mask})
    torch.testing.assert_close(found["input_ids"], expected)


def test_models_without_a_name_for_their_embedding():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.words, self.places, self.last = nn.Embedding(20, 4), nn.Embedding(9, 4), nn.Linear(4, 2)

        def forward(self, input_ids):
            return self.last(torch.tanh(self.words(input_ids) + self.places(torch.arange(input_ids.shape[1]))).sum(1))

    inputs, model = {"input_ids": torch.tensor([[5, 6, 7]])}, Two()
    found = attr.IntegratedGradients(model).attribute(inputs, target=0)
    by_name = attr.IntegratedGradients(model).attribute(inputs, target=0, embedding="words")
    assert torch.equal(found["input_ids"], by_name["input_ids"])
    assert found["input_ids"].any()

    def without(input_ids: Tensor) -> Tensor:
        return model.last(nn.functional.embedding(input_ids, model.words.weight).sum(1))

    with pytest.raises(InvalidArgument, match=r"embedding must name the module .* none of 2 embeddings is asked"):
        attr.IntegratedGradients(without).attribute(inputs, target=0)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_words_sentences_and_spans():
    encoding = tokenizer()(TEXTS, return_tensors="pt", padding=True)
    values = torch.arange(1.0, 1 + encoding["input_ids"].numel()).view(encoding["input_ids"].shape)
    words = aggregate({"input_ids": values, "attention_mask": None}, encoding)
    assert words.labels == (("the", "movie", "was", "great"), ("not", "a", "very", "boring", "film", ".", "and", "fun"))
    row = values[1]
    assert words.values[1].tolist() == [*row[1:4].tolist(), float(row[4] + row[5]), *row[6:10].tolist()]
    largest = aggregate(-values, encoding, how="max")
    assert largest.values[1][3] == -row[5]
    sentences = aggregate(values, encoding, by="sentence", how="mean")
    assert sentences.labels[1] == ("not a very boring film .", "and fun")
    assert sentences.values[1].tolist() == [row[1:8].mean().item(), row[8:10].mean().item()]
    spans = aggregate(values, encoding, by=[[(0, 9)], [(4, 17)]])
    assert spans.labels == (("the movie",), ("a very boring",))
    assert spans.values[1].tolist() == [row[2:6].sum().item()]


def test_games_of_words():
    model = model_of("Bert", "ForSequenceClassification")
    encoding = encoded(model)
    found = attr.FeatureAblation(model).attribute(encoding, target=1, feature_mask=word_mask(encoding))["input_ids"]
    assert found[1, 4] == found[1, 5]
    ids, without = encoding["input_ids"], encoding["input_ids"].clone()
    without[1, 4:6] = PAD
    with torch.no_grad():
        outputs = [
            model(input_ids=value, attention_mask=encoding["attention_mask"]).logits[1, 1] for value in (ids, without)
        ]
    torch.testing.assert_close(found[1, 4], outputs[0] - outputs[1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda encoding: aggregate(torch.zeros(2, 3), encoding),
            r"attributions must be of all tokens: expected \(2, 11\)",
        ),
        (lambda encoding: aggregate(torch.zeros(2, 11), dict(encoding)), "encoding must know its tokens"),
        (lambda encoding: aggregate(torch.zeros(2, 11), encoding, how="median"), "how must be one of sum, mean, max"),
        (
            lambda encoding: aggregate(torch.zeros(2, 11), encoding, by="letter"),
            'by must be "word", "sentence" or spans',
        ),
        (lambda encoding: word_mask({}), "encoding must know its words"),
    ],
)
def test_bad_units(call: Any, message: str):
    with pytest.raises(InvalidArgument, match=message):
        call(tokenizer()(TEXTS, return_tensors="pt", padding=True))


def test_spans_of_answers():
    """Question answering has two outputs, and says so where none is chosen."""
    model = model_of("Bert", "ForQuestionAnswering")
    encoding = encoded(model)
    others = {key: value for key, value in encoding.items() if key != "input_ids"}
    with pytest.raises(InvalidArgument, match="choose one of 'start_logits', 'end_logits'"):
        attr.IntegratedGradients(model).attribute(encoding, target=2)
    found = attr.IntegratedGradients(model).attribute(encoding, target=2, output_selector="end_logits", n_steps=10)
    layer = attr.LayerIntegratedGradients(lambda ids, mask: model(ids, mask).end_logits, model.get_input_embeddings())
    by_hand = layer.attribute(
        encoding["input_ids"], ids_of_absence(encoding), 2, (others["attention_mask"],), n_steps=10
    )
    torch.testing.assert_close(found["input_ids"], by_hand.sum(-1), rtol=1e-6, atol=1e-9)


@pytest.mark.filterwarnings("ignore:attributions do not add up")
def test_choices_among_several_texts():
    model = model_of("Bert", "ForMultipleChoice")
    choices = {key: torch.stack([value, value.flip(0)], 1) for key, value in encoded(model).items()}
    found, delta = attr.IntegratedGradients(model).attribute(
        choices, target=1, n_steps=200, return_convergence_delta=True, tokenizer=tokenizer()
    )
    assert found["input_ids"].shape == choices["input_ids"].shape
    assert delta.abs().max() < 1e-4
    special = (choices["input_ids"] == CLS) | (choices["input_ids"] == SEP) | (choices["input_ids"] == PAD)
    assert not found["input_ids"][special].any()
    # The score of a choice is its text's alone.
    assert not found["input_ids"][:, 0].any()
