"""The table that `pellucid.compat` follows: all module paths of Captum 0.9, and where pellucid has what is in them."""

from __future__ import annotations

VERSION = "0.9.0"
"""The version of Captum that pellucid stands in for."""

_ATTRIBUTIONS = "compat.attributions"
_PRIVATE = "compat.private"

MODULES: dict[str, dict[str, str]] = {
    "captum": {},
    "captum._utils": {},
    "captum._utils.av": {},
    "captum._utils.common": {
        f"{_PRIVATE}.tuples": (
            "_flatten_tensor_or_tuple _format_additional_forward_args _format_float_or_tensor_into_tuples "
            "_format_inputs _format_output _format_outputs _format_tensor_into_tuples _is_tuple _reduce_list"
        ),
        f"{_PRIVATE}.baselines": "_format_baseline _validate_input=_validate_baselines _zeros",
        f"{_PRIVATE}.expansion": (
            "ExpansionTypes _expand_additional_forward_args _expand_and_update_additional_forward_args "
            "_expand_and_update_baselines _expand_and_update_feature_mask _expand_and_update_target "
            "_expand_feature_mask _expand_target"
        ),
        f"{_PRIVATE}.feature_masks": (
            "_format_feature_mask _get_feature_idx_to_tensor_idx _get_max_feature_index _is_mask_valid"
        ),
        f"{_PRIVATE}.forward": (
            "_contains_slice _run_forward _select_targets _validate_target _verify_select_column _verify_select_neuron"
        ),
        f"{_PRIVATE}.devices": "_sort_key_list",
        f"{_PRIVATE}.division": "safe_div",
        f"{_PRIVATE}.types": "TensorOrTupleOfTensorsGeneric TupleOrTensorOrBoolGeneric",
    },
    "captum._utils.exceptions": {f"{_PRIVATE}.exceptions": "FeatureAblationFutureError ShapleyValueFutureError"},
    "captum._utils.gradient": {
        "attr._bases": "compute_gradients",
        f"{_PRIVATE}.gradients": (
            "_forward_layer_eval _forward_layer_eval_with_neuron_grads apply_gradient_requirements "
            "compute_layer_gradients_and_eval construct_neuron_grad_fn undo_gradient_requirements"
        ),
        f"{_PRIVATE}.devices": "_extract_device_ids _sort_key_list",
        f"{_PRIVATE}.tuples": "_reduce_list",
        f"{_PRIVATE}.forward": "_run_forward _verify_select_neuron",
    },
    "captum._utils.models": {"models.linear_model": "Model"},
    "captum._utils.models.linear_model": {
        "models.linear": (
            "LinearModel SGDLasso SGDLinearModel SGDLinearRegression SGDRidge SkLearnLasso SkLearnLinearModel "
            "SkLearnLinearRegression SkLearnRidge"
        ),
    },
    "captum._utils.models.linear_model.model": {
        "models.linear_model": "Model",
        "models.linear": (
            "LinearModel SGDLasso SGDLinearModel SGDLinearRegression SGDRidge SkLearnLasso SkLearnLinearModel "
            "SkLearnLinearRegression SkLearnRidge"
        ),
    },
    "captum._utils.models.linear_model.train": {
        "models.gradient_descent": "l2_loss sgd_train_linear_model",
        "models.scikit_learn": "sklearn_train_linear_model",
    },
    "captum._utils.models.model": {"models.linear_model": "Model"},
    "captum._utils.progress": {
        f"{_PRIVATE}.progress": "BaseProgress IterableProgress NullProgress Progress progress",
    },
    "captum._utils.sample_gradient": {},
    "captum._utils.typing": {f"{_PRIVATE}.types": "*"},
    "captum.attr": {_ATTRIBUTIONS: "*"},
    "captum.attr._core": {},
    "captum.attr._core.dataloader_attr": {_ATTRIBUTIONS: "DataLoaderAttribution"},
    "captum.attr._core.deep_lift": {
        _ATTRIBUTIONS: "DeepLift DeepLiftShap",
        "attr.deeplift": "SUPPORTED_NON_LINEAR",
    },
    "captum.attr._core.feature_ablation": {_ATTRIBUTIONS: "FeatureAblation"},
    "captum.attr._core.feature_permutation": {_ATTRIBUTIONS: "FeaturePermutation"},
    "captum.attr._core.gradient_shap": {_ATTRIBUTIONS: "GradientShap"},
    "captum.attr._core.guided_backprop_deconvnet": {_ATTRIBUTIONS: "Deconvolution GuidedBackprop"},
    "captum.attr._core.guided_grad_cam": {_ATTRIBUTIONS: "GuidedGradCam"},
    "captum.attr._core.input_x_gradient": {_ATTRIBUTIONS: "InputXGradient"},
    "captum.attr._core.integrated_gradients": {_ATTRIBUTIONS: "IntegratedGradients"},
    "captum.attr._core.kernel_shap": {_ATTRIBUTIONS: "KernelShap"},
    "captum.attr._core.layer": {},
    "captum.attr._core.layer.grad_cam": {_ATTRIBUTIONS: "LayerGradCam"},
    "captum.attr._core.layer.internal_influence": {_ATTRIBUTIONS: "InternalInfluence"},
    "captum.attr._core.layer.layer_activation": {_ATTRIBUTIONS: "LayerActivation"},
    "captum.attr._core.layer.layer_conductance": {_ATTRIBUTIONS: "LayerConductance"},
    "captum.attr._core.layer.layer_deep_lift": {_ATTRIBUTIONS: "LayerDeepLift LayerDeepLiftShap"},
    "captum.attr._core.layer.layer_feature_ablation": {_ATTRIBUTIONS: "LayerFeatureAblation"},
    "captum.attr._core.layer.layer_feature_permutation": {_ATTRIBUTIONS: "LayerFeaturePermutation"},
    "captum.attr._core.layer.layer_gradient_shap": {_ATTRIBUTIONS: "LayerGradientShap"},
    "captum.attr._core.layer.layer_gradient_x_activation": {_ATTRIBUTIONS: "LayerGradientXActivation"},
    "captum.attr._core.layer.layer_integrated_gradients": {_ATTRIBUTIONS: "LayerIntegratedGradients"},
    "captum.attr._core.layer.layer_lrp": {_ATTRIBUTIONS: "LayerLRP"},
    "captum.attr._core.lime": {
        _ATTRIBUTIONS: "Lime LimeBase",
        "attr.lime": "get_exp_kernel_similarity_function",
        f"{_PRIVATE}.feature_masks": "construct_feature_mask",
    },
    "captum.attr._core.llm_attr": {},
    "captum.attr._core.lrp": {_ATTRIBUTIONS: "LRP"},
    "captum.attr._core.neuron": {},
    "captum.attr._core.neuron.neuron_conductance": {_ATTRIBUTIONS: "NeuronConductance"},
    "captum.attr._core.neuron.neuron_deep_lift": {_ATTRIBUTIONS: "NeuronDeepLift NeuronDeepLiftShap"},
    "captum.attr._core.neuron.neuron_feature_ablation": {_ATTRIBUTIONS: "NeuronFeatureAblation"},
    "captum.attr._core.neuron.neuron_gradient": {_ATTRIBUTIONS: "NeuronGradient"},
    "captum.attr._core.neuron.neuron_gradient_shap": {_ATTRIBUTIONS: "NeuronGradientShap"},
    "captum.attr._core.neuron.neuron_guided_backprop_deconvnet": {
        _ATTRIBUTIONS: "NeuronDeconvolution NeuronGuidedBackprop",
    },
    "captum.attr._core.neuron.neuron_integrated_gradients": {_ATTRIBUTIONS: "NeuronIntegratedGradients"},
    "captum.attr._core.noise_tunnel": {_ATTRIBUTIONS: "NoiseTunnel"},
    "captum.attr._core.occlusion": {_ATTRIBUTIONS: "Occlusion"},
    "captum.attr._core.remote_provider": {},
    "captum.attr._core.saliency": {_ATTRIBUTIONS: "Saliency"},
    "captum.attr._core.shapley_value": {_ATTRIBUTIONS: "ShapleyValueSampling ShapleyValues"},
    "captum.attr._models": {},
    "captum.attr._models.base": {
        _ATTRIBUTIONS: (
            "InterpretableEmbeddingBase TokenReferenceBase configure_interpretable_embedding_layer "
            "remove_interpretable_embedding_layer"
        ),
    },
    "captum.attr._utils": {},
    "captum.attr._utils.approximation_methods": {
        f"{_PRIVATE}.approximation": (
            "Riemann SUPPORTED_METHODS SUPPORTED_RIEMANN_METHODS approximation_parameters gauss_legendre_builders "
            "riemann_builders"
        ),
    },
    "captum.attr._utils.attribution": {
        _ATTRIBUTIONS: "Attribution GradientAttribution LayerAttribution NeuronAttribution PerturbationAttribution",
        "attr._bases": "InternalAttribution compute_gradients",
    },
    "captum.attr._utils.baselines": {_ATTRIBUTIONS: "ProductBaselines"},
    "captum.attr._utils.batching": {
        f"{_PRIVATE}.batching": (
            "_batch_attribution _batch_example_iterator _batched_generator _batched_operator _select_example "
            "_tuple_splice_range"
        ),
    },
    "captum.attr._utils.class_summarizer": {_ATTRIBUTIONS: "ClassSummarizer"},
    "captum.attr._utils.common": {
        f"{_PRIVATE}.attributions": (
            "_call_custom_attribution_func _compute_conv_delta_and_format_attrs _reshape_and_sum _sum_rows"
        ),
        f"{_PRIVATE}.baselines": (
            "_format_baseline _format_callable_baseline _format_input_baseline _tensorize_baseline _validate_input"
        ),
        f"{_PRIVATE}.feature_masks": "_construct_default_feature_mask get_total_features_from_mask",
        f"{_PRIVATE}.forward": "_validate_target",
        f"{_PRIVATE}.tuples": "_format_output _format_tensor_into_tuples",
        f"{_PRIVATE}.windows": "_format_and_verify_sliding_window_shapes _format_and_verify_strides",
    },
    "captum.attr._utils.custom_modules": {f"{_PRIVATE}.modules": "Addition_Module"},
    "captum.attr._utils.input_layer_wrapper": {
        _ATTRIBUTIONS: "ModelInputWrapper",
        "attr.embeddings": "InputIdentity",
    },
    "captum.attr._utils.interpretable_input": {},
    "captum.attr._utils.lrp_rules": {"attr.lrp_rules": "*"},
    "captum.attr._utils.stat": {
        _ATTRIBUTIONS: "CommonStats Count MSE Max Mean Min Stat StdDev Sum Var",
    },
    "captum.attr._utils.summarizer": {_ATTRIBUTIONS: "Summarizer SummarizerSingleTensor"},
    "captum.attr._utils.visualization": {"attr.visualization": "* _normalize_attr"},
    "captum.concept": {},
    "captum.concept._core": {},
    "captum.concept._core.cav": {},
    "captum.concept._core.concept": {},
    "captum.concept._core.tcav": {},
    "captum.concept._utils": {},
    "captum.concept._utils.classifier": {},
    "captum.concept._utils.common": {},
    "captum.concept._utils.data_iterator": {},
    "captum.influence": {},
    "captum.influence._core": {},
    "captum.influence._core.arnoldi_influence_function": {},
    "captum.influence._core.influence": {},
    "captum.influence._core.influence_function": {},
    "captum.influence._core.similarity_influence": {},
    "captum.influence._core.tracincp": {},
    "captum.influence._core.tracincp_fast_rand_proj": {},
    "captum.influence._utils": {},
    "captum.influence._utils.common": {},
    "captum.influence._utils.nearest_neighbors": {},
    "captum.log": {f"{_PRIVATE}.log": "*"},
    "captum.log.dummy_log": {f"{_PRIVATE}.log": "*"},
    "captum.metrics": {"metrics.captum": "*"},
    "captum.metrics._core": {},
    "captum.metrics._core.infidelity": {"metrics.captum": "infidelity infidelity_perturb_func_decorator"},
    "captum.metrics._core.sensitivity": {"metrics.captum.sensitivity": "default_perturb_func sensitivity_max"},
    "captum.metrics._utils": {},
    "captum.metrics._utils.batching": {f"{_PRIVATE}.batching": "_divide_and_aggregate_metrics"},
    "captum.module": {"module": "*"},
    "captum.module.binary_concrete_stochastic_gates": {"module": "BinaryConcreteStochasticGates"},
    "captum.module.gaussian_stochastic_gates": {"module": "GaussianStochasticGates"},
    "captum.module.stochastic_gates_base": {"module": "StochasticGatesBase"},
    "captum.robust": {"robust": "*"},
    "captum.robust._core": {},
    "captum.robust._core.fgsm": {"robust": "FGSM"},
    "captum.robust._core.metrics": {},
    "captum.robust._core.metrics.attack_comparator": {"robust": "AttackComparator"},
    "captum.robust._core.metrics.min_param_perturbation": {"robust": "MinParamPerturbation"},
    "captum.robust._core.perturbation": {"robust": "Perturbation"},
    "captum.robust._core.pgd": {"robust": "PGD"},
}
"""Each path of Captum's, parents first; the modules of pellucid that have what is in it, and the names they have.

`*` is the `__all__` of the module, and `_a=_b` its `_b`, which Captum calls `_a`. A path without any is there, and
lacks everything; what pellucid gets later, such as concepts, is a line here: `"captum.concept": {"concept": "*"}`.
"""

ALIASES = {"captum.attr.visualization": "captum.attr._utils.visualization"}
"""Attributes that are modules of another path."""

_RULES = "pellucid follows calls of torch, by rules that are in pellucid.rules; docs/rules.md says how."

INSTEAD = {
    "captum.attr._core.deep_lift.nonlinear": _RULES,
    "captum.attr._core.deep_lift.maxpool": _RULES,
    "captum.attr._core.deep_lift.softmax": _RULES,
    "captum.attr._core.gradient_shap.InputBaselineXGradient": "GradientShap with n_samples=1 and stdevs=0.",
    "captum.attr._core.lime.default_from_interp_rep_transform": "Lime(forward_func).from_interp_rep_transform.",
    "captum.attr._core.lime.default_perturb_func": "Lime(forward_func).perturb_func.",
    "captum.attr._core.lrp.SUPPORTED_LAYERS_WITH_RULES": _RULES,
    "captum.attr._core.lrp.SUPPORTED_NON_LINEAR_LAYERS": _RULES,
    "captum.attr._utils.stat.GeneralAccumFn": "a subclass of captum.attr._utils.stat.Stat.",
}
"""What to use in place of some names that pellucid lacks."""
