"""Which calls of torch can be taken apart, and into what."""

from __future__ import annotations

from pellucid.core import composites, recurrent
from pellucid.core.call import Function
from pellucid.core.entries import Decomposed, Entry

STEPS: dict[str, Function] = {
    "addcdiv": composites.addcdiv,
    "batch_norm": composites.batch_norm,
    "binary_cross_entropy_with_logits": composites.binary_cross_entropy_with_logits,
    "cdist": composites.distances,
    "conj": composites.conjugate,
    "cosine_similarity": composites.cosine_similarity,
    "cross_entropy_loss": composites.cross_entropy_loss,
    "dist": composites.distance,
    "div": composites.quotient,
    "divide": composites.quotient,
    "glu": composites.glu,
    "group_norm": composites.group_norm,
    "gru": recurrent.layers(recurrent.gru_step),
    "gru_cell": recurrent.cell(recurrent.gru_step),
    "huber_loss": composites.huber_loss,
    "instance_norm": composites.instance_norm,
    "itruediv": composites.quotient,
    "l1_loss": composites.l1_loss,
    "layer_norm": composites.layer_norm,
    "lerp": composites.lerp,
    "linalg_matrix_norm": composites.matrix_norm,
    "linalg_norm": composites.norm,
    "linalg_vector_norm": composites.vector_norm,
    "log_softmax": composites.log_softmax,
    "lstm": recurrent.layers(recurrent.lstm_step),
    "lstm_cell": recurrent.cell(recurrent.lstm_step),
    "mse_loss": composites.mse_loss,
    "pairwise_distance": composites.pairwise_distance,
    "pdist": composites.distances_within,
    "prelu": composites.prelu,
    "rms_norm": composites.rms_norm,
    "rnn_relu": recurrent.layers(recurrent.relu_step),
    "rnn_relu_cell": recurrent.cell(recurrent.relu_step),
    "rnn_tanh": recurrent.layers(recurrent.tanh_step),
    "rnn_tanh_cell": recurrent.cell(recurrent.tanh_step),
    "scaled_dot_product_attention": composites.attention,
    "smooth_l1_loss": composites.smooth_l1_loss,
    "softmax": composites.softmax,
    "std": composites.deviation,
    "std_mean": composites.deviation_and_mean,
    "truediv": composites.quotient,
    "var": composites.variance,
    "var_mean": composites.variance_and_mean,
}
"""What calls are taken apart into, by the names of their functions."""

DECOMPOSED: dict[str | Function, Entry] = {name: Decomposed(steps) for name, steps in STEPS.items()}
"""The same as entries of rules."""
