"""Models and data of Hugging Face's format, and images: tiny ones, made here."""

from __future__ import annotations

import importlib
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import pellucid

transformers = pytest.importorskip("transformers")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "not", "a", "boring", "film", "good"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sentiment model, `sentiment`, and a model of images, `vision`."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    transformers.logging.disable_progress_bar()
    folder = tmp_path_factory.mktemp("models")
    fast = Tokenizer(WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    fast.pre_tokenizer = Whitespace()
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "mask_token": "[MASK]"}
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=fast, **names)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    torch.manual_seed(0)
    configuration = transformers.BertConfig(
        vocab_size=len(WORDS), max_position_embeddings=8, id2label={0: "bad", 1: "good"}, initializer_range=1.0, **sizes
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transformers.BertForSequenceClassification(configuration).save_pretrained(folder / "sentiment")
        transformers.BertModel(configuration).save_pretrained(folder / "headless")
        vision = transformers.ViTConfig(image_size=4, patch_size=2, **sizes)
        transformers.ViTForImageClassification(vision).save_pretrained(folder / "vision")
    for name in ("sentiment", "headless"):
        tokenizer.save_pretrained(folder / name)
    configuration = json.loads((folder / "headless" / "config.json").read_text())
    configuration["architectures"] = ["BertForSequenceClassification"]
    (folder / "headless" / "config.json").write_text(json.dumps(configuration))
    preprocessing = {"image_processor_type": "ViTImageProcessor", "size": {"height": 4, "width": 4}, "do_resize": True}
    (folder / "vision" / "preprocessor_config.json").write_text(json.dumps(preprocessing))
    return folder


TEXTS = "not a boring film\n\n   \ngood\n"


def test_texts_go_through_the_tokenizer_of_the_folder(home: Path, folder: Path, call: Any):
    Path("texts.txt").write_text(TEXTS)
    asked = ("--target", "bad", "--method", "integrated_gradients", "--set", "n_steps=20")
    result = call("explain", home / "sentiment", "texts.txt", *asked, "--json")
    assert result.exit_code == 0, result.stderr
    explained = json.loads(result.stdout)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(home / "sentiment").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(home / "sentiment")
    expected = pellucid.explain(
        model,
        ["not a boring film", "good"],
        target="bad",
        method="integrated_gradients",
        n_steps=20,
        tokenizer=tokenizer,
    )
    assert [example["example"] for example in explained["examples"]] == ["not a boring film", "good"]
    features = explained["examples"][0]["features"]
    assert [feature["name"] for feature in features] == ["not", "a", "boring", "film"]
    assert [feature["attribution"] for feature in features] == pytest.approx(expected.to_numpy()[0].tolist())
    assert result.stderr.startswith("pellucid: 2 texts, on cpu")


def test_texts_from_a_pipe_with_a_tokenizer_elsewhere(home: Path, folder: Path, call: Any):
    asked = ("--target", 0, "--method", "saliency", "--tokenizer", home / "headless")
    result = call("explain", home / "sentiment", "-", "--format", "text", *asked, sent="a film\na film\n")
    assert result.exit_code == 0, result.stderr
    assert [line for line in result.stdout.splitlines() if "bad by" in line] == [
        "line 1: a film: bad by saliency",
        "line 2: a film: bad by saliency",
    ]


def test_texts_without_a_tokenizer(folder: Path, call: Any):
    Path("texts.txt").write_text(TEXTS)
    result = call("explain", "churn:network", "texts.txt")
    assert (result.exit_code, result.stderr) == (
        2,
        "pellucid: DATA texts.txt holds texts, of which MODEL takes no ids. Hint: --tokenizer FOLDER.\n",
    )


def test_weights_that_are_missing_are_a_doubt(home: Path, folder: Path, call: Any):
    Path("texts.txt").write_text("good")
    result = call("explain", home / "headless", "texts.txt", "--target", 0, "--method", "saliency")
    assert result.exit_code == 3
    assert (
        f"pellucid: in doubt: {home / 'headless'} lacks 2 weights of AutoModelForSequenceClassification, "
        "which are random: classifier.bias ...\n" in result.stderr
    )


def test_a_folder_of_pickled_weights_needs_trust(home: Path, folder: Path, call: Any):
    model = transformers.AutoModelForSequenceClassification.from_pretrained(home / "sentiment")
    Path("old").mkdir()
    Path("texts.txt").write_text("good")
    torch.save(model.state_dict(), "old/pytorch_model.bin")
    Path("old/config.json").write_text((home / "sentiment" / "config.json").read_text())
    asked = ("explain", "old", "texts.txt", "--tokenizer", home / "sentiment", "--method", "saliency")
    refused = call(*asked)
    assert (refused.exit_code, refused.stderr) == (
        2,
        "pellucid: MODEL old: its weights are pickled (.bin), and unpickling runs whatever code they hold. "
        "Hint: a folder with safetensors, or --trust, if it is from someone you trust.\n",
    )
    assert call(*asked, "--trust").exit_code == 0


@pytest.mark.parametrize(
    ("architecture", "name"),
    [
        ("BertForMaskedLM", "AutoModelForMaskedLM"),
        ("BertModel", "AutoModel"),
        ("GPT2LMHeadModel", "AutoModelForCausalLM"),
        ("T5ForConditionalGeneration", "AutoModelForSeq2SeqLM"),
        ("ViTForImageClassification", "AutoModelForImageClassification"),
    ],
)
def test_the_class_of_an_architecture(architecture: str, name: str, tmp_path: Path):
    from pellucid.commands.models.hugging_face import _class_name

    (tmp_path / "config.json").write_text(json.dumps({"architectures": [architecture]}))
    assert _class_name(tmp_path) == name
    assert hasattr(transformers, name)


# --------------------------------------------------------------------------------------------------------------- images


@pytest.fixture
def images(folder: Path) -> np.ndarray:
    """Two images in the folder `images`, and a file that is none; their pixels (2, 6, 6, 3)."""
    Path("images").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (2, 6, 6, 3)).astype(np.uint8)
    for name, image in zip(("b.png", "a.bmp"), pixels, strict=True):
        Image.fromarray(image).save(Path("images", name))
    Path("images/notes.md").touch()
    return pixels[::-1]


def test_a_folder_of_images_in_the_order_of_their_names(images: np.ndarray, folder: Path, call: Any):
    result = call("explain", "churn:pictures", "images", "--target", 1, "--method", "saliency", "--out", "a.csv")
    assert result.exit_code == 0, result.stderr
    inputs = torch.from_numpy(images.astype(np.float32)).movedim(3, 1) / 255
    churn = importlib.import_module("churn")
    expected = pellucid.explain(churn.pictures, inputs, target=1, method="saliency").to_csv().splitlines()
    names = {"0": "a.bmp", "1": "b.png"}
    rows = [line.partition(",") for line in expected[1:]]
    assert Path("a.csv").read_text().splitlines() == [expected[0], *(f"{names[n]},{rest}" for n, _, rest in rows)]


def test_one_image_beside_blurred_ones(images: np.ndarray, call: Any):
    result = call("explain", "churn:pictures", "images/b.png", "--baseline", "blur", "--out", "b.svg", "--quiet")
    assert (result.exit_code, result.output) == (0, "")
    assert Path("b.svg").read_text().startswith("<svg")


def test_images_as_baselines(images: np.ndarray, folder: Path, call: Any):
    asked = ("--target", 0, "--method", "integrated_gradients", "--json")
    result = call("explain", "churn:pictures", "images/b.png", "--baseline", "images", *asked)
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["baselines"] == "2 rows"


def test_images_of_several_sizes_need_a_processor(images: np.ndarray, call: Any):
    Image.new("RGB", (4, 5)).save("images/c.png")
    result = call("explain", "churn:pictures", "images")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        1,
        "pellucid: images: c.png has 4 x 5 pixels, and a.bmp 6 x 6. Hint: --processor, what makes tensors of one size.",
    )
    Path("processing.py").write_text(
        "import numpy, torch\ndef cut(image):\n    pixels = numpy.asarray(image.resize((6, 6)), dtype='float32')\n"
        "    return torch.from_numpy(pixels).movedim(2, 0)"
    )
    asked = ("--method", "saliency", "--target", 0, "--processor", "processing:cut")
    assert call("explain", "churn:pictures", "images", *asked).exit_code == 0


def test_the_processor_of_a_folder(home: Path, images: np.ndarray, call: Any):
    asked = ("--method", "saliency", "--target", 0, "--json")
    result = call("explain", home / "vision", "images", *asked)
    assert result.exit_code == 0, result.stderr
    assert len(json.loads(result.stdout)["examples"][0]["features"]) == 16  # 4 x 4 pixels, as the processor makes them


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Path("images").mkdir(), "images: there is no image in it. Hint: .png, .jpg, "),
        (lambda: Path("images").write_text("x"), "DATA must be a folder of images, -, or a file that ends in .csv"),
    ],
)
def test_a_folder_without_images(make: Any, said: str, folder: Path, call: Any):
    make()
    result = call("explain", "churn:pictures", "images")
    assert result.stderr.startswith(f"pellucid: {said}")


def test_a_broken_image(images: np.ndarray, call: Any):
    Path("images/b.png").write_bytes(Path("images/b.png").read_bytes()[:40])
    result = call("explain", "churn:pictures", "images")
    assert (result.exit_code, result.stderr) == (1, "pellucid: images/b.png: it is no image, or only a part of one.\n")


def test_images_of_more_than_eight_bits_are_refused(call: Any):
    Image.fromarray(np.full((6, 6), 40_000, np.uint16)).save("deep.png")
    result = call("explain", "churn:pictures", "deep.png", "--target", 0)
    assert result.exit_code == 1
    assert result.stderr == (
        "pellucid: deep.png: it has more than 8 bits for a colour (I;16). Hint: a .npy of what the model takes.\n"
    )
