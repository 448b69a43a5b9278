"""The engine, which knows no attribution method: problems, and the values and gradients of models.

A [Problem][pellucid.methods.Problem] holds a model, its data and a target. Methods evaluate it as a
[ModelFunction][pellucid.core.evaluation.model_function.ModelFunction] of points. A
[Session][pellucid.methods.Session] keeps what is learnt of the model between evaluations.
"""
