"""Train the network that `pellucid demo` explains, and store its weights: `python -m pellucid.demo.train`."""

from pathlib import Path

import torch
from safetensors.torch import save
from torch import nn
from tqdm import trange

from pellucid.demo.titanic import WEIGHTS, Passengers, accuracy, load_passengers, network, split

EPOCHS = 200


def train(passengers: Passengers) -> nn.Sequential:
    """Return the network trained on these passengers; the same on every call, and no global state changes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net = network()
    # At this learning rate rounding errors grow into other weights, so the steps are taken in double precision.
    net.double()
    features = passengers.features.double()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    for _ in trange(EPOCHS, desc="training", unit="epoch"):
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(net(features), passengers.survived))
        optimizer.step()
    return net.float().eval()


def main() -> None:
    """Train, print the accuracy, write the weights where the demo reads them."""
    training, test = split(load_passengers())
    net = train(training)
    print(f"accuracy: {accuracy(net, training):.3f} in training, {accuracy(net, test):.3f} in the test")
    Path(str(WEIGHTS)).write_bytes(save(net.state_dict()))
    print(f"wrote {WEIGHTS}")


if __name__ == "__main__":
    main()
