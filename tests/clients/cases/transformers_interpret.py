"""transformers-interpret: its explainers, with tiny random transformers and a vocabulary of a few words.

Not its explainer of pairs, which calls the tokenizer in a way that transformers 5 takes for a batch.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
import transformers_interpret as interpret
from PIL import Image
from torch import nn
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertTokenizer,
    PreTrainedModel,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)

from clients.case import Case

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
SENTENCE = "the film is a good story of two old friends ."
QUESTION = "who was it ?"
WORDS = (*SPECIAL, *SENTENCE.split(), *QUESTION.split(), "bad", "this", "text", "about")
SHAPE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
LABELS = ("contradiction", "neutral", "entailment")


def read(explainer: type, model: type[PreTrainedModel], *texts: str, embedding_type: int = 0, **arguments: Any) -> Any:
    """What an explainer of texts answers: attributions of words, as it keeps and returns them."""
    labels = LABELS[: 2 if model is BertForQuestionAnswering else 3]
    config = BertConfig(
        vocab_size=len(WORDS),
        max_position_embeddings=32,
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
        **SHAPE,
    )
    network = spread(model(config))
    tokenizer = BertTokenizer(vocab={word: number for number, word in enumerate(WORDS)})
    explain = explainer(network, tokenizer)
    answer = explain(*texts, embedding_type=embedding_type, n_steps=20, **arguments)
    return numbers(answer)


def spread(model: PreTrainedModel) -> PreTrainedModel:
    """A model whose random weights differ enough for attributions that are not next to nothing."""
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model.eval()


def numbers(answer: Any) -> Any:
    """An answer's numbers: lists of words with their attributions, and dicts of these, without the words."""
    if isinstance(answer, dict):
        return {key: numbers(value) for key, value in answer.items() if not isinstance(value, str)}
    return torch.tensor([value for _, value in answer]) if isinstance(answer, list) else answer


def seen(attribution_type: str, **arguments: Any) -> Any:
    """The attributions of an image, and the heat map that is drawn of them."""
    model = spread(ViTForImageClassification(ViTConfig(image_size=8, patch_size=4, num_labels=3, **SHAPE)))
    image = Image.fromarray(np.random.RandomState(1).randint(0, 255, (8, 8, 3), dtype=np.uint8))
    explain = interpret.ImageClassificationExplainer(
        model, ViTImageProcessor(size={"height": 8, "width": 8}), attribution_type=attribution_type
    )
    attributions = explain(image, **arguments)
    _, axes = explain.visualize(method="heatmap", use_original_image_pixels=False)
    return {"attributions": attributions, "heat map": np.asarray(axes.images[0].get_array())}


CLASSES = BertForSequenceClassification
ENDS = (BertForQuestionAnswering, QUESTION, SENTENCE)
CASES = {
    "sequence": Case(partial(read, interpret.SequenceClassificationExplainer, CLASSES, SENTENCE)),
    "sequence, class 1": Case(partial(read, interpret.SequenceClassificationExplainer, CLASSES, SENTENCE, index=1)),
    "sequence, positions": Case(
        partial(read, interpret.SequenceClassificationExplainer, CLASSES, SENTENCE, embedding_type=1)
    ),
    "sequence, internal batches": Case(
        partial(read, interpret.SequenceClassificationExplainer, CLASSES, SENTENCE, internal_batch_size=3)
    ),
    "several labels": Case(partial(read, interpret.MultiLabelClassificationExplainer, CLASSES, SENTENCE)),
    "no examples": Case(
        partial(read, interpret.ZeroShotClassificationExplainer, CLASSES, SENTENCE, labels=["good", "bad"])
    ),
    "tokens": Case(partial(read, interpret.TokenClassificationExplainer, BertForTokenClassification, SENTENCE)),
    "answers": Case(partial(read, interpret.QuestionAnsweringExplainer, *ENDS)),
    "answers, all embeddings": Case(partial(read, interpret.QuestionAnsweringExplainer, *ENDS, embedding_type=2)),
    "images": Case(partial(seen, "IG", n_steps=20)),
    "images, noise tunnel": Case(partial(seen, "IGNT", n_steps_noise_tunnel=10, noise_tunnel_n_samples=3)),
}
