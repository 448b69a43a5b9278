"""The engine. It knows no method: only problems, functions of points, and values and gradients of them.

A [Problem][pellucid.methods.Problem] is what is asked, a
[ModelFunction][pellucid.core.evaluation.model_function.ModelFunction] what methods evaluate, and a
[Session][pellucid.methods.Session] what is learnt on the way.
"""
