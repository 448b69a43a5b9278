"""`python -m benchmarks.on_gpu [--device DEVICE] [WORD ...]`: ten methods on an accelerator.

Claim: attributions are those of the CPU, and take no longer than Captum's on the same device. Differences are here
between the devices, relative to the largest attribution, in full float32 and with a seed where a method draws.
"""

import argparse
import sys
import traceback
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from types import ModuleType

import captum.attr
import torch
from rich.console import Console
from torch import Tensor, nn

import pellucid.attr
from benchmarks.calls import Call, gradient_shap, integrated_gradients, saliency
from benchmarks.deeplift import deeplift
from benchmarks.harness import Aim, Result, difference, medians
from benchmarks.models import Scene, Stage, convolutional, encoder, resnet
from benchmarks.passing_back import guided, relevance
from benchmarks.table import PAGE, table
from benchmarks.timing import Spread, interleaved

STRIPS = 8
"""How many features there are to take away: strips of the last dimension."""


def last_layer(model: nn.Module) -> nn.Module:
    """The last convolution, or the last block of a transformer."""
    return [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.TransformerEncoderLayer)][-1]


def strips(x: Tensor) -> Tensor:
    """A feature mask (1, ..., size)."""
    return (torch.arange(x.shape[-1], device=x.device) * STRIPS // x.shape[-1]).expand(1, *x.shape[1:])


def grad_cam(attr: ModuleType, model: nn.Module, x: Tensor) -> object:
    """Grad-CAM at the last layer."""
    return attr.LayerGradCam(model, last_layer(model)).attribute(x, target=0)


def layer_conductance(attr: ModuleType, model: nn.Module, x: Tensor) -> object:
    """Gradients and activations of the last layer at 51 points."""
    return attr.LayerConductance(model, last_layer(model)).attribute(x, target=0)


def feature_ablation(attr: ModuleType, model: nn.Module, x: Tensor) -> object:
    """One strip replaced after another."""
    return attr.FeatureAblation(model).attribute(x, target=0, feature_mask=strips(x))


def kernel_shap(attr: ModuleType, model: nn.Module, x: Tensor, **more: object) -> object:
    """25 coalitions of strips."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Captum tells of every call that several examples take their time
        return attr.KernelShap(model).attribute(x, target=0, feature_mask=strips(x), **more)


METHODS: dict[str, Call] = {
    "Saliency": saliency,
    "IntegratedGradients": integrated_gradients,
    "GradientShap": gradient_shap,
    "DeepLift": deeplift,
    "GuidedBackprop": guided,
    "LRP": relevance,
    "LayerGradCam": grad_cam,
    "LayerConductance": layer_conductance,
    "FeatureAblation": feature_ablation,
    "KernelShap": kernel_shap,
}

DRAW = {"GradientShap", "KernelShap"}
"""They draw random numbers, of which those of a seed are the same on all devices."""

MODELS: dict[str, Stage] = {"convolutional": convolutional, "resnet": resnet, "encoder": encoder}

CAPTUM_REFUSES = {"encoder/LRP"}
"""It has no rule for the linear layer inside of attention."""

CAPTUM_TAKES_GRADIENTS = {"encoder/DeepLift", "encoder/GuidedBackprop"}
"""It has no rules for functions, and less to do: nothing is claimed of the time."""


@dataclass(frozen=True, kw_only=True)
class OnDevice:
    """A call on a device: its attributions beside those on the CPU, its time beside Captum's on the same device.

    Args:
        name: What to select it by.
        aim: What it claims.
        stage: Sets the model and the inputs, on the CPU.
        call: What to call.
        device: Where.
        draws: Whether it draws random numbers.
        beside: Whether Captum can do it.
    """

    name: str
    aim: Aim
    stage: Stage
    call: Call
    device: torch.device
    draws: bool = False
    beside: bool = True

    def measure(self) -> Result:
        """Call on both devices, and time both libraries on this one."""
        scene = moved(self.stage(), self.device)
        alike = partial(self.call, seed=0) if self.draws else self.call
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            apart = difference(_on_cpu(alike(pellucid.attr, *scene)), alike(pellucid.attr, *self.stage()))
            if not self.beside:
                return Result(name=self.name, aim=Aim(), difference=apart)
            ours, theirs = (partial(self._to_the_end, attr, scene) for attr in (pellucid.attr, captum.attr))
            own, other = interleaved(ours, theirs)
        time = Spread.of_ratios(own, other)
        return Result(name=self.name, aim=self.aim, seconds=medians(own, other), time=time, difference=apart)

    def _to_the_end(self, attr: ModuleType, scene: Scene) -> None:
        """Call, and wait for the device, which runs behind."""
        self.call(attr, *scene)
        if self.device.type != "cpu":
            torch.accelerator.synchronize(self.device)


def moved(scene: Scene, device: torch.device) -> Scene:
    """The same scene elsewhere."""
    return Scene(scene.model.to(device), scene.inputs.to(device))


def _on_cpu(attributions: object) -> Tensor:
    if not isinstance(attributions, Tensor):
        raise TypeError(f"expected a tensor of attributions: got {type(attributions).__name__}")
    return attributions.cpu()


def cases(device: torch.device) -> list[OnDevice]:
    """Ten methods on three models."""
    return [
        OnDevice(
            name=f"{model}/{method}",
            aim=Aim(time=None if f"{model}/{method}" in CAPTUM_TAKES_GRADIENTS else 1.0),
            stage=stage,
            call=call,
            device=device,
            draws=method in DRAW,
            beside=f"{model}/{method}" not in CAPTUM_REFUSES,
        )
        for model, stage in MODELS.items()
        for method, call in METHODS.items()
    ]


def device_of(name: str | None) -> torch.device:
    """The device of a name, or the accelerator that torch has found; `ValueError` where there is none."""
    if name is None:
        if not torch.accelerator.is_available():
            raise ValueError(
                f"torch {torch.__version__} finds no accelerator here. This needs a GPU and a build of torch for it "
                "(CUDA, ROCm, or MPS on a Mac). Hint: --device cpu tries it out without one."
            )
        return torch.accelerator.current_accelerator()
    try:
        return torch.zeros((), device=name).device
    except (RuntimeError, AssertionError) as error:  # of builds without it, of machines without it
        raise ValueError(f"torch {torch.__version__} cannot use the device {name!r} here: {error}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments select; the exit status is 1 where attributions differ, or there are none, and else 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.on_gpu", description="An accelerator beside the CPU.")
    parser.add_argument("words", nargs="*", help="parts of names of cases, such as resnet/Saliency; by default all")
    parser.add_argument("--device", help="cuda, cuda:1, mps, xpu, cpu; by default the accelerator that torch finds")
    asked = parser.parse_args(arguments)
    try:
        device = device_of(asked.device)
    except ValueError as error:
        parser.error(str(error))
    selected = [case for case in cases(device) if not asked.words or any(word in case.name for word in asked.words)]
    if not selected:
        parser.error("no case of that name: " + ", ".join(case.name for case in cases(device)))
    warnings.filterwarnings("ignore", module="captum")  # it tells of every call that it has set requires_grad
    results = []
    for case in selected:
        print(case.name, file=sys.stderr)
        try:
            results.append(case.measure())
        except Exception:  # the others may still say something of this device
            traceback.print_exc()
    console = Console(width=None if sys.stdout.isatty() else PAGE)
    console.print(f"torch {torch.__version__}, {device}")
    console.print(table(results))
    return int(len(results) < len(selected) or not all(result.same for result in results))


if __name__ == "__main__":
    sys.exit(main())
