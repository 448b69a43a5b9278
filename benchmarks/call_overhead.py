"""Claim: a call on a tiny network, where the model costs next to nothing, costs no more than Captum's.

One thread: a second has nothing to do here but wait, and where another process has its core, everything waits for it.
"""

from functools import partial

from benchmarks.calls import CALLS
from benchmarks.harness import Aim, BesideCaptum
from benchmarks.inside import Place, calls_at
from benchmarks.models import tiny, titanic

CASES = [
    BesideCaptum(
        name=f"call-overhead/{network.__name__}/{batch}/{name}",
        aim=Aim(time=1.0),
        stage=partial(network, batch),
        call=call,
        work=work,
        threads=1,
    )
    for network in (tiny, titanic)
    for batch in (2, 32)
    for name, (call, work) in CALLS.items()
] + [
    BesideCaptum(
        name=f"call-overhead/tiny/{batch}/{name}", aim=Aim(time=1.0), stage=partial(tiny, batch), call=call, threads=1
    )
    for batch in (2, 32)
    for name, call in calls_at(Place("0", neuron=(0,))).items()
]
