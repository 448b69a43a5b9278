"""Embeddings as inputs, references and wrapped arguments, as in Captum."""

import copy
import warnings
from types import ModuleType
from typing import Any

import captum.attr
import pytest
import torch
from captum.attr._utils.input_layer_wrapper import ModelInputWrapper as CaptumsModelInputWrapper
from torch import Tensor, nn

import pellucid.attr
from beside_captum.same.compare import assert_close
from pellucid.attr import ModelInputWrapper

LIBRARIES = [captum.attr, pellucid.attr]
each_library = pytest.mark.parametrize("attr", LIBRARIES, ids=["captum", "pellucid"])


class Words(nn.Module):
    """The example that users know."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.linear = nn.Embedding(5, 3), nn.Linear(3, 2)
        with torch.no_grad():
            self.embedding.weight.copy_(torch.arange(15.0).view(5, 3))
            self.linear.weight.copy_(torch.arange(6.0).view(2, 3))
            self.linear.bias.zero_()

    def forward(self, ids: Tensor) -> Tensor:
        return self.linear(self.embedding(ids).sum(1))


def configured(attr: ModuleType, model: nn.Module, *name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return attr.configure_interpretable_embedding_layer(model, *name)


@each_library
def test_integrated_gradients_of_vectors(attr: ModuleType):
    model = Words()
    layer = configured(attr, model)
    vectors = layer.indices_to_embeddings(torch.tensor([[1, 2]]))
    found = attr.IntegratedGradients(model).attribute(vectors, target=1)
    torch.testing.assert_close(found, torch.tensor([[[9.0, 16, 25], [18, 28, 40]]]))


@each_library
def test_what_stands_in_the_place(attr: ModuleType):
    model = nn.Sequential(Words())
    embedding = model[0].embedding
    names = list(model.state_dict())
    layer = configured(attr, model, "0.embedding")
    assert type(layer) is attr.InterpretableEmbeddingBase
    assert model[0].embedding is layer
    assert layer.embedding is embedding
    assert (layer.full_name, layer.num_embeddings, layer.embedding_dim) == ("0.embedding", 5, 3)
    assert "0.embedding.embedding.weight" in model.state_dict()
    for _ in range(2):
        attr.remove_interpretable_embedding_layer(model, layer)
        assert model[0].embedding is embedding
    assert list(model.state_dict()) == names


@each_library
def test_it_warns(attr: ModuleType):
    with pytest.warns(UserWarning, match="remove_interpretable_embedding_layer|embedding layer"):
        attr.configure_interpretable_embedding_layer(Words())


@each_library
def test_any_module_can_be_replaced(attr: ModuleType):
    layer = attr.InterpretableEmbeddingBase(nn.ReLU(), "activation")
    assert (layer.num_embeddings, layer.embedding_dim) == (None, None)
    x, y = torch.randn(2, 3), torch.randn(2, 3)
    assert layer(x, y) is x
    assert layer(first=x, second=y) is x
    assert layer(None) is None
    assert layer("anything", x) == "anything"
    assert torch.equal(layer.indices_to_embeddings(x), x.relu())
    assert torch.equal(layer.indices_to_embeddings(input=x), x.relu())


@each_library
def test_a_copy_of_the_model_is_put_back(attr: ModuleType):
    model = Words()
    layer = configured(attr, model)
    twin = copy.deepcopy(model)
    attr.remove_interpretable_embedding_layer(twin, layer)
    assert type(twin.embedding) is nn.Embedding
    assert type(model.embedding) is attr.InterpretableEmbeddingBase


@each_library
def test_exceptions(attr: ModuleType):
    model = Words()
    for name in ("embeding", "embedding.inner", "linear.nothing"):
        with pytest.raises(AttributeError):
            configured(attr, model, name)
    with pytest.raises(AttributeError):
        configured(attr, lambda x: x)
    layer = configured(attr, model)
    with pytest.raises(AssertionError):
        configured(attr, model)
    with pytest.raises(AssertionError):
        layer()
    inner = attr.InterpretableEmbeddingBase(layer.embedding, "linear.nothing.embedding")
    with pytest.raises(AttributeError):
        attr.remove_interpretable_embedding_layer(model, inner)


@each_library
def test_data_parallel_and_compiled_models(attr: ModuleType):
    for wrapped, name in (
        (nn.DataParallel(Words()), "module.embedding"),
        (torch.compile(Words(), backend="eager"), "embedding"),
    ):
        layer = configured(attr, wrapped, name)
        inside: Any = next(wrapped.children())
        assert inside.embedding is layer
        attr.remove_interpretable_embedding_layer(wrapped, layer)
        assert type(inside.embedding) is nn.Embedding


@each_library
def test_references(attr: ModuleType):
    reference = attr.TokenReferenceBase(reference_token_idx=3)
    assert reference.reference_token_idx == 3
    assert attr.TokenReferenceBase().reference_token_idx == 0
    for device in (None, "cpu", torch.device("cpu")):
        made = reference.generate_reference(4, device)
        assert made.dtype == torch.int64
        assert made.tolist() == [3, 3, 3, 3]
    assert reference.generate_reference(0, None).shape == (0,)


class Product(nn.Module):
    def forward(self, x: Tensor, y: Tensor, scale: float = 2.0) -> Tensor:
        return (x * y * scale).sum(1)


X, Y = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])
each_wrapper = pytest.mark.parametrize("wrapper", [CaptumsModelInputWrapper, ModelInputWrapper])


@each_wrapper
def test_arguments_have_modules(wrapper: Any):
    model = wrapper(Product())
    assert model.arg_name_list == ["x", "y", "scale"]
    assert list(model.input_maps) == ["x", "y", "scale"]
    assert type(model.module) is Product
    seen: list[str] = []
    for name, module in model.input_maps.items():
        module.register_forward_hook(lambda *_, name=name: seen.append(name))
    for call in (lambda: model(X, Y), lambda: model(X, y=Y), lambda: model(y=Y, x=X), lambda: model(X, Y, scale=2.0)):
        assert call().tolist() == [22]
    assert seen == ["x", "y", "x", "y", "y", "x", "x", "y", "scale"]
    with pytest.raises(KeyError):
        model(X, Y, z=1)
    for wrong in (lambda: model(X), lambda: model(X, Y, 2.0, X), lambda: model(X, Y, y=Y)):
        with pytest.raises(TypeError):
            wrong()


@pytest.mark.filterwarnings("ignore:Multiple layers provided")
def test_layer_integrated_gradients_of_two_arguments():
    found = []
    for attr, wrapper in ((captum.attr, CaptumsModelInputWrapper), (pellucid.attr, ModelInputWrapper)):
        model = wrapper(Product())
        layers = [model.input_maps["x"], model.input_maps["y"]]
        attributions = attr.LayerIntegratedGradients(model, layers).attribute((X, Y))
        found.append(tuple(torch.as_tensor(one) for one in attributions))
    assert_close(found[1], found[0])
    torch.testing.assert_close(found[1], (torch.tensor([[3.0, 8.0]]), torch.tensor([[3.0, 8.0]])))


@each_wrapper
def test_starred_arguments_have_no_module(wrapper: Any):
    class Total(nn.Module):
        def forward(self, *tensors: Tensor) -> Tensor:
            return sum(tensors, torch.zeros(1, 2))

    model = wrapper(Total())
    assert (model.arg_name_list, len(model.input_maps)) == ([], 0)
    assert model(X, Y).tolist() == [[4, 6]]
