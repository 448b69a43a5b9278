"""The table of decompositions."""

from __future__ import annotations

from pellucid.core.python_functions import TorchFunction
from pellucid.core.rules.decompositions import activations, attention, losses, normalization, recurrent, reductions
from pellucid.core.rules.entries import Decompose, RuleSpec

DECOMPOSITIONS: dict[str, TorchFunction] = {
    "addcdiv": activations.addcdiv,
    "batch_norm": normalization.batch_norm,
    "binary_cross_entropy_with_logits": losses.binary_cross_entropy_with_logits,
    "cdist": reductions.cdist,
    "conj": activations.conjugate,
    "cosine_similarity": reductions.cosine_similarity,
    "cross_entropy_loss": losses.cross_entropy_loss,
    "dist": reductions.dist,
    "div": activations.div,
    "divide": activations.div,
    "glu": activations.glu,
    "group_norm": normalization.group_norm,
    "gru": recurrent.layers(recurrent.gru_step),
    "gru_cell": recurrent.cell(recurrent.gru_step),
    "huber_loss": losses.huber_loss,
    "instance_norm": normalization.instance_norm,
    "itruediv": activations.div,
    "l1_loss": losses.l1_loss,
    "layer_norm": normalization.layer_norm,
    "lerp": activations.lerp,
    "linalg_matrix_norm": reductions.matrix_norm,
    "linalg_norm": reductions.norm,
    "linalg_vector_norm": reductions.vector_norm,
    "log_softmax": attention.log_softmax,
    "lstm": recurrent.layers(recurrent.lstm_step),
    "lstm_cell": recurrent.cell(recurrent.lstm_step),
    "mse_loss": losses.mse_loss,
    "pairwise_distance": reductions.pairwise_distance,
    "pdist": reductions.pdist,
    "prelu": activations.prelu,
    "rms_norm": normalization.rms_norm,
    "rnn_relu": recurrent.layers(recurrent.relu_step),
    "rnn_relu_cell": recurrent.cell(recurrent.relu_step),
    "rnn_tanh": recurrent.layers(recurrent.tanh_step),
    "rnn_tanh_cell": recurrent.cell(recurrent.tanh_step),
    "scaled_dot_product_attention": attention.attention,
    "smooth_l1_loss": losses.smooth_l1_loss,
    "softmax": attention.softmax,
    "std": reductions.std,
    "std_mean": reductions.std_mean,
    "truediv": activations.div,
    "var": reductions.var,
    "var_mean": reductions.var_mean,
}
"""Functions written as calls that have rules, by the names of torch's functions."""

DECOMPOSED: dict[str | TorchFunction, RuleSpec] = {name: Decompose(steps) for name, steps in DECOMPOSITIONS.items()}
"""The same as entries of [Rules][pellucid.core.rules.rules.Rules]."""
