"""Claim: the peak memory of Integrated Gradients at the embeddings of tokens is bounded too, a fraction of Captum's."""

from functools import partial

from benchmarks.harness import Aim, BesideCaptum, Bounded, Case
from benchmarks.inside import Place, layer_integrated_gradients
from benchmarks.models import reader

AT = Place("embedding", neuron=(0, 0))

CASES: list[Case] = [
    BesideCaptum(
        name="layer-memory/reader/LayerIntegratedGradients",
        aim=Aim(time=1.0, memory=0.15),
        stage=reader,
        call=partial(layer_integrated_gradients, at=AT),
    ),
    Bounded(
        name="layer-memory/reader/200 steps beside 50",
        aim=Aim(growth=1.1),
        more=(reader, partial(layer_integrated_gradients, at=AT, n_steps=200)),
        less=(reader, partial(layer_integrated_gradients, at=AT)),
    ),
]
