"""The engine. It knows no method: only problems, functions of points, and values and gradients of them.

A [Problem][pellucid.core.problem.Problem] is what is asked, a
[ModelFunction][pellucid.core.model_function.ModelFunction] what methods evaluate, and a
[Session][pellucid.core.session.Session] what is learnt on the way.
"""
