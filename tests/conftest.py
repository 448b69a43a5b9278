import torch

# The models are tiny, and two workers on two cores that wait for each other's threads take many times as long.
torch.set_num_threads(1)
