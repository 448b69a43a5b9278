"""pellucid beside Captum: time, peak memory and the distance to the floor, measured in one run.

`python -m benchmarks` runs every claim; each file that ends in a list of `CASES` makes one:

    call_overhead.py          a call on a tiny network costs no more than Captum's
    per_call.py               nor does one of few passes, on that network and on images
    ordinary_models.py        nor does one on models of ordinary sizes
    integrated_gradients.py   fifty steps on a ResNet-18 take little more than their forwards and backwards
    layers_and_neurons.py     to look into a model takes no longer either, and less where the rest of it need not run
    games.py                  to take features away takes a fraction of the time
    bounded_memory.py         and memory that grows neither with the steps nor with the batch
    layer_memory.py           nor does it at the embeddings of tokens

`python -m benchmarks blocks` is the sweep behind the sizes of automatic blocks, `blocks.py`. Who has a GPU runs
`python -m benchmarks.on_gpu`: the same attributions as on the CPU, in no more time than Captum takes on the same GPU.
"""

import os

# Threads that wait spin by default, which delays whatever shares their cores, themselves included, a hundredfold.
# Both libraries run under the same setting; OpenMP reads it when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
