"""What houses cost around Boston in 1970: the historic example of a regression, with a column built on race."""

import warnings
from functools import partial
from pathlib import Path

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import nn

import pellucid
from pellucid.attr import LayerConductance
from pellucid.errors import PellucidWarning
from pellucid.examples.figures import fits, of_means, of_what, side_by_side, strongest
from pellucid.examples.score import root_mean_squared_error
from pellucid.examples.split import Split, as_tensor, split
from pellucid.examples.stored import table, with_weights
from pellucid.methods import Background, IntegratedGradients, NoiseTunnel
from pellucid.pages import Page, Section
from pellucid.plot import methods

MEANINGS = {
    "crim": "crimes per head in the town",
    "zn": "per cent of residential land in lots over 25,000 square feet",
    "indus": "per cent of the town's area that is business other than retail",
    "chas": "whether the tract bounds the Charles River",
    "nox": "nitric oxides in the air, parts per 10 million",
    "rm": "rooms per dwelling",
    "age": "per cent of owner-occupied homes built before 1940",
    "dis": "weighted distance to five centres of employment",
    "rad": "index of access to radial highways",
    "tax": "property tax per 10,000 dollars",
    "ptratio": "pupils per teacher in the town",
    "b": "1000 (share of Black residents - 0.63)², a column built on race",
    "lstat": "per cent of the population of lower status",
}


def data() -> Split:
    """Read the 506 tracts; the target is the median value of owner-occupied homes in 1000 dollars."""
    tracts = table("boston")
    train, test = train_test_split(np.arange(len(tracts)), test_size=0.3, random_state=0)
    return split(tracts[list(MEANINGS)].astype(float), torch.tensor(tracts["medv"], dtype=torch.float32), train, test)


def network() -> nn.Sequential:
    """Build the untrained network: 13 features, hidden layers of 100, 50 and 10 neurons, a price."""
    return nn.Sequential(
        nn.Linear(13, 100), nn.ReLU(), nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 10), nn.ReLU(), nn.Linear(10, 1)
    )


def trained() -> nn.Sequential:
    """Build the network that is 5400 dollars off in the test, as a root of mean squares."""
    return with_weights("boston", network)


def report() -> Page:
    """Explain by what the network tells dear homes from cheap ones, and why nobody should build on it."""
    (train, test, _, prices), net = data(), trained()
    explain = partial(pellucid.explain, net, test)
    tracts = of_what(explain(method="gradient_shap", n_samples=4000, baselines=Background(train)), "price")
    with warnings.catch_warnings():  # zeros are a poor baseline: the page says why
        warnings.simplefilter("ignore", PellucidWarning)
        steps = IntegratedGradients(n_steps=50)
        classic = (steps, NoiseTunnel(attribution_method=steps, nt_samples=10), "deep_lift", "feature_ablation")
        from_zeros = tuple(of_what(explain(method=each), "price") for each in classic)
        through = LayerConductance(net, net[-1]).attribute(as_tensor(test), attribute_to_layer_input=True, n_steps=100)
    names = ("Integrated Gradients", "SmoothGrad of these", "DeepLIFT", "ablation", "GradientSHAP, from tracts")
    sums = {name: each.to_numpy().sum(0) for name, each in zip(names, (*from_zeros, tracts), strict=True)}
    sums["sizes of weights"] = net.get_parameter("0.weight").abs().mean(0).detach().numpy()
    last = {"conductance": through.mean(0).numpy(), "weights": net.get_parameter("6.weight")[0].detach().numpy()}
    (first, second), (zeros, _, lift, _) = strongest(tracts, 2), from_zeros
    of_zeros, gap = strongest(zeros.mean(), 13), np.abs(zeros.to_numpy() - lift.to_numpy()).mean()
    b, many = tracts["b"].to_numpy()[:, 0], test["b"] < 145
    within, miss = (np.abs(np.asarray(each)).max() for each in (tracts.features.stderr, tracts.delta))
    true = table("boston")["medv"].loc[test.index].rename("Price in 1000 dollars")
    return Page(
        title=f"What homes cost around Boston, in the eyes of a network: {first} first, then {second}, built on race",
        asked=(
            f"A network learnt the median price of homes from {len(train)} census tracts of 1970. Of {len(test)} "
            f"others it is {1000 * root_mean_squared_error(net, test, prices):,.0f} dollars off (RMSE). What moves "
            f"its prices for these from {tracts.baseline_prediction.mean():.1f}, the mean of those it learnt from? "
            "Prices are in 1000 dollars: blue raises them, hatched orange lowers them.",
        ),
        sections=(
            Section(
                heading=f"{first} counts most, then {second}",
                shows="Expected gradients: Integrated Gradients from tracts of the training set, and not from zeros. "
                f"{first}: {MEANINGS[first]}. {second}: {MEANINGS[second]}.",
                charts=(tracts.plot.bar(most=13), tracts.plot.beeswarm(most=13)),
                table=of_means(tracts),
                caption="What features add to the price, in 1000 dollars; the interval is of the mean size",
                limits=f"What makes homes dear. The price rises most with {test.corrwith(true).idxmax()}, which moves "
                f"the network by {of_means(tracts)['mean size']['rm']:.2f}: no column was scaled, and small numbers "
                "are hard to learn from.",
            ),
            Section(
                heading="Why the set is kept only as history, and the tract that b lowers most",
                shows="b is 1000 (share of Black residents - 0.63)²: its authors took it that Black neighbours "
                "change what people pay. scikit-learn removed the set for it; it is here as tutorials were written "
                f"on it. The network learnt it: of {many.sum()} tracts with b below 145, where a quarter of residents "
                f"or more are Black, it takes off {-b[many].mean():.1f} on average. Do not build on it.",
                charts=(tracts[int(b.argmin())].plot.waterfall(),),
                limits=f"What this tract is worth (it was {prices[b.argmin()]:.1f}), or why.",
            ),
            Section(
                heading="Each feature against the price, with a fitted line",
                shows="The tracts of the test; r is the correlation. Prices are cut off at 50.",
                charts=(fits(test, true, MEANINGS),),
                limits="What a feature does when others stay as they are.",
            ),
            Section(
                heading=f"Why the baseline matters: from zeros, as people usually show it, {of_zeros[0]} is first",
                shows=(
                    "A tract of zeros has no rooms and no tax, and b = 0 says that 63 of 100 residents are Black: "
                    f"half the tracts have b above {test['b'].median():.0f}, which seems to raise their prices. "
                    "Tutorials find lstat, rm and ptratio on top, chas and rad at the bottom. Here the order is "
                    f"{', '.join(of_zeros)}.",
                    f"Integrated Gradients and DeepLIFT differ by {gap:.2f} on average, of "
                    f"{np.abs(zeros.to_numpy()).mean():.1f}: from zeros all features grow together, few units switch, "
                    "and without switches both are gradient times input. Weights know no sizes of columns.",
                ),
                charts=(
                    side_by_side("Attributions summed over the test, and weights", MEANINGS, sums),
                    methods({"from tracts": tracts, "from zeros": zeros}, most=13),
                ),
                limits="How much features matter: signs cancel in sums, above all in those from tracts to tracts.",
            ),
            Section(
                heading="Inside: what the last layer makes of its 10 inputs",
                shows="Mean conductance from zeros: the weight times the change of the unit. Some units are never on.",
                charts=(side_by_side("The inputs of the last layer", map("unit {}".format, range(10)), last),),
                limits="What a unit means. Another training gives other units.",
            ),
            Section(
                heading="How far the numbers hold",
                shows=f"Attributions are within {1.96 * within:.2f} at 95 %, sums within {miss:.2f}. "
                "The intervals of the table are of means. Networks of four other seeds have the same two on top.",
            ),
        ),
        code=Path(__file__).read_text(encoding="utf-8"),
        sources=("Data: David Harrison and Daniel Rubinfeld, 1978; see the README beside the data.",),
    )


if __name__ == "__main__":
    print(page := report())
    page.save("boston.html")
