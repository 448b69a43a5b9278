"""The engine. It knows no method: only places in a model, points fed there, and values and gradients read back.

A [Pathway][pellucid.core.pathway.Pathway] is the one type to know; everything else serves it.
"""
