"""Kinds of torch's functions, by their names; see [TorchCall.name][pellucid.core.rules.torch_call.TorchCall.name].

A name that is added here has its rules in DeepLIFT and in LRP: those of elementwise functions, or of products. Where
anything else goes: maxima and minima are `MAX_FUNCTIONS` of `methods/deeplift/rescale.py`, sums are `SUMS` of
`methods/lrp/op_rules.py` (DeepLIFT needs no rule of what is linear); a function that is some steps of others is written
as these steps in `core/rules/decompositions/`; any other has a rule of its own in both files. `core/autograd/audit.py`
lists the nodes of autograd that need no rule.
"""

from __future__ import annotations

from pellucid.core.autograd.audit import split_names

ELEMENTWISE = split_names(
    """
    abs absolute acos acosh arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin asinh atan atan2 atanh
    bessel_j0 ceil celu clamp clamp_max clamp_min clip copysign cos cosh digamma elu entr erf erfc erfcx erfinv exp
    exp2 expit expm1 fix float_power floor fmod frac gammaln gelu hardshrink hardsigmoid hardswish hardtanh
    heaviside hypot i0 i0e i1 i1e leaky_relu lgamma log log10 log1p log2 log_ndtr log_sigmoid logaddexp logaddexp2
    logit logsigmoid mish mvlgamma nan_to_num ndtr ndtri polygamma pow psi reciprocal relu relu6 remainder round
    rrelu rsqrt selu sgn sigmoid sign silu sin sinc sinh softplus softshrink softsign sqrt square tan tanh
    tanhshrink threshold trunc xlog1py xlogy
    """
)
"""Functions of numbers: every element of the output depends on one element of each argument."""

PRODUCT_FUNCTIONS = split_names(
    """
    addbmm addcmul addmm addmv addr baddbmm bilinear bmm chain_matmul conv1d conv2d conv3d conv_tbc
    conv_transpose1d conv_transpose2d conv_transpose3d convolution cross dot einsum ger grouped_mm imatmul imul
    inner kron linalg_cross linalg_multi_dot linalg_vecdot linear matmul mm mul multiply mv outer rmul tensordot
    vdot
    """
)
"""Functions that are linear in each of several arguments."""
