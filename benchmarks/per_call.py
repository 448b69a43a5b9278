"""Claim: what a call takes besides the model's own passes, at most Captum's, by methods of few of them.

On the tiny network that is nearly all of a call's time; in a single pass through an ordinary network it is what there
is to save. One thread, as in `call_overhead.py`.
"""

from functools import partial

from benchmarks.calls import Call, gradient_shap, input_x_gradient, integrated_gradients, saliency
from benchmarks.deeplift import deeplift
from benchmarks.games import kernel_shap
from benchmarks.harness import Aim, BesideCaptum
from benchmarks.inside import Place, layer_activation
from benchmarks.models import Stage, convolutional, resnet, tiny
from benchmarks.passing_back import grad_cam, guided, relevance

ON_TWO_ROWS: dict[str, Call] = {
    "Saliency": saliency,
    "InputXGradient": input_x_gradient,
    "GradientShap": gradient_shap,
    "LayerActivation": partial(layer_activation, at=Place("0", neuron=(0,))),
    "DeepLift": deeplift,
    "IntegratedGradients": integrated_gradients,
    "KernelShap": partial(kernel_shap, n_samples=25),  # the default
}

IN_A_SINGLE_PASS: dict[str, Call] = {
    "Saliency": saliency,
    "GuidedBackprop": guided,
    "LayerGradCam": grad_cam,
    "LRP": relevance,
    "DeepLift": deeplift,
}

MODELS: dict[str, tuple[Stage, dict[str, Call]]] = {
    "tiny": (partial(tiny, 2), ON_TWO_ROWS),
    "convolutional": (convolutional, IN_A_SINGLE_PASS),
    "resnet": (resnet, IN_A_SINGLE_PASS),
}

CAPTUM_DIFFERS = {
    ("convolutional", "DeepLift"),  # it misses some of the change where a max pool follows an activation
    ("resnet", "LRP"),  # it counts relevance twice at each of the additions
}

CASES = [
    BesideCaptum(
        name=f"per_call/{model}/{name}",
        aim=Aim(time=1.0),
        stage=stage,
        call=call,
        threads=1,
        same=(model, name) not in CAPTUM_DIFFERS,
    )
    for model, (stage, calls) in MODELS.items()
    for name, call in calls.items()
]
