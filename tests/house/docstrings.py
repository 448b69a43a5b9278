"""Docstrings of Captum's names that stand on their own, put together from one source: those of methods and problems.

`python tests/house/docstrings.py` writes them into `src/pellucid/attr/`; a test says where they are out of date. By
hand are written what comes before the sections, and arguments of constructors that no base class has.
"""

from __future__ import annotations

import ast
import inspect
import io
import re
import sys
import textwrap
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import torch

import pellucid
from pellucid import attr, methods
from pellucid.core.problem.problem import Options, Problem

HOME = Path(pellucid.__file__).parent
WIDTH = 120

ALIASES = {
    "Baselines": "core/problem/baselines.py",
    "FeatureMask": "core/games/features.py",
    "RemovalLike": "core/games/removal.py",
    "Strides": "core/games/windows.py",
    "TargetLike": "core/problem/target.py",
    "WindowShapes": "core/games/windows.py",
}
"""Types of arguments whose own docstrings are shown whole, where others say "see" them."""

OWN = {
    "inputs": "One tensor or a tuple of tensors, with the examples first: (B, ...); or what else the model takes: a "
    "mapping, a list, an array, a data frame; texts with a `tokenizer`, images with a `processor`.",
    "attribute_to_layer_input": "Whether what the layer takes is meant, and not what it returns.",
    "attribute_to_neuron_input": "Whether the neuron is one of what the layer takes, and not of what it returns.",
    "show_progress": "Whether to show a progress bar on stderr.",
    "return_stderr": "Whether to return standard errors, too.",
    "return_input_shape": "Whether each element has the value of its feature, or else there is one value per feature.",
    "memory_efficient": "As in Captum; pellucid always is.",
    "kwargs": "Taken and dropped, as in Captum.",
    "data": "`additional_forward_kwargs`, `batch_dim`, `class_names`, `output_selector`, `embedding`, "
    "`keep_embedding`, `processor`, `tokenizer`: see `pellucid.data.DataOptions`.",
    "target": "See [TargetLike][pellucid.methods.TargetLike].",
    "targets": 'Several targets, in the place of `target`: a list of them, or "all" columns of an output (B, K). '
    "Attributions are (B, K, ...), and deltas (B, K), for K targets, from the forwards of one.",
    "neuron_selector": "The neuron that is explained, of what the layer returns, or takes; see "
    "[TargetLike][pellucid.methods.TargetLike].",
    "layer_baselines": "What replaces a feature of the layer; see [Baselines][pellucid.methods.Baselines].",
    "layer_mask": "What is one feature of the layer; see [FeatureMask][pellucid.methods.FeatureMask].",
    "LimeBase.kwargs": "What the functions that perturb, transform and compare are given.",
    "NoiseTunnel.kwargs": "What the method inside is given; its `target` or `targets`, `baselines`, `feature_mask` and "
    "`additional_forward_args` follow the noisy copies.",
    "ShapleyValues.n_samples": "Of no use, as in Captum.",
}
"""What is said of arguments that only Captum's names have, by the name or by class and name."""

FUNCTION = ("model = lambda x: x[:, 0] * x[:, 1]", "x = torch.tensor([[2.0, 3.0]])")
NETWORK = (
    "model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))",
    "x = torch.rand(2, 3)",
)
IMAGES = (
    "from torch import nn",
    "model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))",
    "x = torch.rand(2, 1, 8, 8)",
)
BASELINES = "baselines = torch.zeros(4, 3)"
EXAMPLES: dict[str, tuple[tuple[str, ...], str]] = {
    "Saliency": (FUNCTION, "Saliency(model).attribute(x)"),
    "InputXGradient": (FUNCTION, "InputXGradient(model).attribute(x)"),
    "IntegratedGradients": (FUNCTION, "IntegratedGradients(model).attribute(x).round(decimals=4)"),
    "DeepLift": (FUNCTION, "DeepLift(model).attribute(x, return_convergence_delta=True)"),
    "FeatureAblation": (FUNCTION, "FeatureAblation(model).attribute(x)"),
    "Occlusion": (FUNCTION, "Occlusion(model).attribute(x, sliding_window_shapes=(1,))"),
    "FeaturePermutation": (NETWORK, "FeaturePermutation(model).attribute(x, target=1).shape"),
    "ShapleyValues": (FUNCTION, "ShapleyValues(model).attribute(x)"),
    "ShapleyValueSampling": (FUNCTION, "ShapleyValueSampling(model).attribute(x, n_samples=50, seed=0).shape"),
    "KernelShap": (FUNCTION, "KernelShap(model).attribute(x, n_samples=50, seed=0).round(decimals=4)"),
    "Lime": (NETWORK, "Lime(model).attribute(x, target=1, n_samples=50, seed=0).shape"),
    "LRP": (NETWORK, "LRP(model).attribute(x, target=1).shape"),
    "GradientShap": ((*NETWORK, BASELINES), "GradientShap(model).attribute(x, baselines, target=1, seed=0).shape"),
    "DeepLiftShap": ((*NETWORK, BASELINES), "DeepLiftShap(model).attribute(x, baselines, target=1).shape"),
    "NoiseTunnel": (NETWORK, "NoiseTunnel(Saliency(model)).attribute(x, target=1, stdevs=0.1, seed=0).shape"),
    "GuidedBackprop": (NETWORK, "GuidedBackprop(model).attribute(x, target=1).shape"),
    "Deconvolution": (NETWORK, "Deconvolution(model).attribute(x, target=1).shape"),
    "GuidedGradCam": (IMAGES, "GuidedGradCam(model, model[0]).attribute(x, target=1).shape"),
    "LayerGradCam": (IMAGES, "LayerGradCam(model, model[0]).attribute(x, target=1).shape"),
    "LayerActivation": (NETWORK, "LayerActivation(model, model[1]).attribute(x).shape"),
    "LayerGradientShap": (
        (*NETWORK, BASELINES),
        "LayerGradientShap(model, model[1]).attribute(x, baselines, target=1, seed=0).shape",
    ),
    "LayerDeepLiftShap": (
        (*NETWORK, BASELINES),
        "LayerDeepLiftShap(model, model[1]).attribute(x, baselines, target=1).shape",
    ),
    "NeuronGradientShap": (
        (*NETWORK, BASELINES),
        "NeuronGradientShap(model, model[1]).attribute(x, 0, baselines, seed=0).shape",
    ),
    "NeuronDeepLiftShap": (
        (*NETWORK, BASELINES),
        "NeuronDeepLiftShap(model, model[1]).attribute(x, 0, baselines).shape",
    ),
    "NeuronConductance": (NETWORK, "NeuronConductance(model, model[1]).attribute(x, 0, target=1).shape"),
    "LimeBase": (
        (*FUNCTION, "parts = Lime(model)"),
        "parts.interpretable_model",
    ),
}
"""Statements and the expression whose value is shown, where not the usual for layers and for neurons."""


def example_of(name: str) -> tuple[tuple[str, ...], str]:
    """The statements of a class's example and the expression whose value is shown."""
    arguments = "x, 0" if name.startswith("Neuron") else "x, target=1"
    return EXAMPLES.get(name) or (NETWORK, f"{name}(model, model[1]).attribute({arguments}).shape")


# -------------------------------------------------------------------------------------------------------------- sources


def sections(docstring: str | None) -> dict[str, str]:
    """The parts of a docstring by their headings; what comes first has none."""
    parts = re.split(r"^(Args|Returns|Raises|Examples):\n", inspect.cleandoc(docstring or ""), flags=re.M)
    return {"": parts[0].rstrip()} | {
        heading: textwrap.dedent(body).rstrip() for heading, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def arguments(docstring: str | None) -> dict[str, str]:
    """What a docstring says of each argument."""
    entries = re.split(r"^(\*{0,2}\w+): ", sections(docstring).get("Args", ""), flags=re.M)[1:]
    return {name.lstrip("*"): " ".join(text.split()) for name, text in zip(entries[::2], entries[1::2], strict=True)}


def of_alias(name: str) -> tuple[str, list[str], str]:
    """What a type alias says: its first sentence, the list of what an argument may be, and what comes after."""
    body = ast.parse((HOME / ALIASES[name]).read_text()).body
    index = next(
        index
        for index, node in enumerate(body)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name
    )
    documentation = body[index + 1]
    assert isinstance(documentation, ast.Expr)
    assert isinstance(documentation.value, ast.Constant)
    first, *items = re.split(r"^\* ", inspect.cleandoc(str(documentation.value.value)), flags=re.M)
    last, _, after = "".join(items[-1:]).partition("\n\n")
    return first, [*items[:-1], last] if items else [], after


def without_links(text: str) -> str:
    """A text whose links are the names that they lead to, as editors do not follow them."""
    text = re.sub(r"\[([^\[\]`]+)\]\[([^\[\]]+)\]", r"`\2`", text)
    return re.sub(r"\[([^\[\]`]+)\]\[\]", r"`\1`", text)


def plain(text: str) -> str:
    """A text without links, in one line."""
    return " ".join(without_links(text).split())


class Sources:
    """Where it is said what the arguments of a class are: its method, the problem, its options.

    Args:
        name: The class's.
        method: The dataclass that its `attribute` calls.
    """

    def __init__(self, name: str, method: type) -> None:
        self.name = name
        self.texts = [arguments(inspect.getdoc(text)) for text in (method, method.__call__, Problem, Options)]

    def argument(self, name: str) -> str:
        """What is said of an argument."""
        own = OWN.get(f"{self.name}.{name}") or OWN.get(name, "")
        said = own or next((texts[name] for texts in self.texts if name in texts), "")
        if not said:
            raise KeyError(f"nothing says what {self.name}'s {name} is")
        return said


def returns(name: str, parameters: list[str], method: type) -> str:
    """What `attribute` returns."""
    if name.startswith("Layer") or name == "InternalInfluence":
        text = "Attributions as the layer has its tensors: one tensor, or tuples, lists and dicts of them."
    elif "return_input_shape" in parameters:
        text = "Attributions as the inputs came, a tensor or a tuple of tensors, of their shapes, or (B, features)."
    else:
        text = "Attributions as the inputs came, a tensor or a tuple of tensors of their shapes and dtypes."
    if name == "LimeBase":
        text = "What the interpretable model learnt, (B, coefficients) or (1, coefficients)."
    if "return_convergence_delta" in parameters:
        shape = re.search(r"delta of shape ([^;.]+)", sections(inspect.getdoc(method.__call__)).get("Returns", ""))
        assert shape, f"{method.__name__} does not say the shape of its deltas"
        text += f" With `return_convergence_delta`, a tuple of these and of deltas {plain(' '.join(shape[1].split()))}."
    if "return_stderr" in parameters:
        text += " With `return_stderr`, standard errors follow in the same form, or None where there are none."
    return text


# ----------------------------------------------------------------------------------------------------------- docstrings


def entry(name: str, text: str, indent: int) -> str:
    """What is said of an argument, with all that a type says to which the text refers."""
    referring = re.match(r"(.*?)[;:.,]? ?[Ss]ee \[(\w+)\]\[[\w.]*\](.*)", text)
    if not referring or referring[2] not in ALIASES:
        return wrapped(f"{name}: {plain(text)}", indent)
    first, items, after = of_alias(referring[2])
    introduced = plain(referring[1] or first).rstrip(".") + (":" if items else ".")
    lines = [wrapped(f"{name}: {introduced}", indent)]
    lines += [wrapped(f"* {plain(item)}", indent + 4, 2) for item in items]
    closing = " ".join(filter(None, (plain(after), plain(referring[3]).strip(" ."))))
    return "\n".join([*lines, *([wrapped(closing, indent + 4, 0)] if closing else [])])


def wrapped(text: str, indent: int, hanging: int = 4) -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hanging),
        break_long_words=False,
        break_on_hyphens=False,
    )


def assembled(first: str, parts: dict[str, list[str]], indent: int) -> str:
    """A docstring with its quotes: what comes first, and sections of entries that are indented already."""
    lines = [textwrap.indent(f'"""{first}', " " * indent)]
    for heading, entries in parts.items():
        if entries:
            lines += ["", " " * indent + heading + ":", *entries]
    closing = '"""' if len(lines) == 1 and "\n" not in first else "\n" + " " * indent + '"""'
    return "\n".join(lines) + closing


_OR_A_FUNCTION = " Or a function, of nothing or of the inputs, that returns them."


def _may_be_a_function(argument: ast.arg) -> bool:
    """Whether baselines may be what a function returns."""
    return argument.arg == "baselines" and "Callable" in ast.unparse(argument.annotation or ast.Constant(None))


def of_attribute(name: str, function: ast.FunctionDef, method: type) -> str:
    """The docstring of an `attribute`."""
    given = function.args
    taken = [*given.args, *given.kwonlyargs][1:]
    parameters = [argument.arg for argument in taken]
    sources = Sources(name, method)
    entries = [
        entry(argument.arg, sources.argument(argument.arg) + _OR_A_FUNCTION * _may_be_a_function(argument), 12)
        for argument in taken
    ]
    if given.kwarg:
        entries.append(entry(f"**{given.kwarg.arg}", sources.argument(given.kwarg.arg), 12))
    parts = {
        "Args": entries,
        "Returns": [wrapped(returns(name, parameters, method), 12, 0)],
        "Raises": [
            wrapped("InvalidArgument: An argument is not what it must be; the message says what it may be.", 12)
        ],
    }
    return assembled(without_links(sections(ast.get_docstring(function))[""]), parts, 8)


def of_class(cls: type, method: type) -> str:
    """The docstring of a class: its own text, its constructor's arguments and an example."""
    known = OWN | arguments(inspect.getdoc(method))
    for base in reversed(cls.__mro__):
        known |= arguments(base.__doc__)
    taken = list(inspect.signature(cls).parameters)
    entries = [entry(name, known[name], 8) for name in taken]
    return assembled(
        without_links(sections(cls.__doc__)[""]),
        {"Args": entries, "Examples": [textwrap.indent(example(cls), " " * 8)]},
        4,
    )


def example(cls: type) -> str:
    """Statements and what they print, as a console shows them."""
    statements, shown = example_of(cls.__name__)
    used = sorted(name for name in attr.__all__ if re.search(rf"\b{name}\(", shown + " ".join(statements)))
    lines = ["import torch", f"from pellucid.attr import {', '.join(used)}", *statements]
    names: dict[str, Any] = {}
    torch.manual_seed(0)
    for line in lines:
        exec(line, names)
    printed = io.StringIO()
    with redirect_stdout(printed):
        print(repr(eval(shown, names)))
    return "\n".join(f">>> {line}" for line in [*lines, shown]) + "\n" + printed.getvalue().rstrip()


# ---------------------------------------------------------------------------------------------------------------- files


def called(function: ast.FunctionDef) -> type | None:
    """The method that an `attribute` calls, where the decorator says so or the body names one."""
    names = [
        node.attr
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "methods"
    ]
    decorated = [decorator for decorator in function.decorator_list if "overload" not in ast.unparse(decorator)]
    if "overload" in map(ast.unparse, function.decorator_list) or not (decorated or names):
        return None
    return getattr(methods, names[0])


def replacements(tree: ast.Module) -> Iterator[tuple[ast.Expr, str]]:
    """The docstrings of a file that are put together, and what they should be."""
    for node in tree.body:
        if not isinstance(node, ast.ClassDef) or not hasattr(attr, node.name):
            continue
        for part in node.body:
            if isinstance(part, ast.FunctionDef) and part.name == "attribute" and (method := called(part)):
                yield part.body[0], of_attribute(node.name, part, method)
                yield node.body[0], of_class(getattr(attr, node.name), method)


def written(path: Path) -> str:
    """A file with the docstrings that it should have."""
    text = path.read_text()
    lines = text.split("\n")
    for expression, docstring in sorted(replacements(ast.parse(text)), key=lambda pair: -pair[0].lineno):
        lines[expression.lineno - 1 : expression.end_lineno] = [docstring]
    return "\n".join(lines)


FILES = sorted(path for path in (HOME / "attr").glob("[a-z]*.py"))

if __name__ == "__main__":
    for path in FILES:
        path.write_text(written(path))
    sys.exit(0)
