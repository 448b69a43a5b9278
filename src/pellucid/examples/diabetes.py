"""Who has diabetes: a network of sigmoids, learnt from 537 of 768 women, with zeros that mean "not known"."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from pandas import DataFrame, Series
from sklearn.model_selection import train_test_split
from torch import nn

import pellucid
from pellucid.examples.figures import half, of_means, strongest, unmeasured
from pellucid.examples.rivals import rivals
from pellucid.examples.split import Split, as_tensor, split
from pellucid.examples.stored import table, with_weights
from pellucid.methods import Background
from pellucid.pages import Page, Section
from pellucid.plot import methods, signed

MEANINGS = {
    "pregnancies": "number of pregnancies",
    "glucose": "glucose in the plasma after two hours of a tolerance test, mg/dl",
    "blood_pressure": "diastolic blood pressure, mm Hg",
    "skin_thickness": "thickness of the skin fold over the triceps, mm",
    "insulin": "insulin in the serum after two hours, µU/ml",
    "bmi": "body mass index, kg/m²",
    "pedigree": "diabetes among relatives, the close ones more than the distant",
    "age": "age in years",
}
CLASSES = ("no diabetes", "diabetes")
ZERO_IS_MISSING = ("glucose", "blood_pressure", "skin_thickness", "insulin", "bmi")


def data() -> Split:
    """Read the 768 women; zeros that stand for missing values stay zeros."""
    # The split is our own choice: the tutorial states its shares alone.
    women = table("diabetes")
    train, test = train_test_split(np.arange(len(women)), test_size=0.3, random_state=0)
    return split(women[list(MEANINGS)].astype(float), torch.tensor(women["diabetes"]), train, test)


def network() -> nn.Sequential:
    """Build the untrained network: 8 features, hidden layers of 12 and 8 neurons, the probabilities of 2 classes."""
    return nn.Sequential(
        nn.Linear(8, 12), nn.Sigmoid(), nn.Linear(12, 8), nn.Sigmoid(), nn.Linear(8, 2), nn.Softmax(dim=1)
    )


def trained() -> nn.Sequential:
    """Build the network that is right in 72 of 100 cases, where "nobody has diabetes" is right in 68."""
    return with_weights("diabetes", network)


def report() -> Page:
    """Explain what moves a network that knows little, and what it makes of measurements that were not taken."""
    (train, test, learnt, has_it), net = (women := data()), trained()
    explain = partial(pellucid.explain, net, test, target="diabetes", class_names=CLASSES)
    shapley = explain(method="shapley_values", baselines=Background(train))  # from all of them: none are drawn
    shapley_of_zeros, zeros = (explain(method=each) for each in ("shapley_values", "integrated_gradients"))
    inside = partial(explain, source="1", n_steps=500)  # columns are not scaled, sigmoids are steep: steps are short
    neurons, neurons_of_zeros = (inside(method="conductance", baselines=rows) for rows in (train, None))
    from_both = methods({"from women": neurons, "from zeros": neurons_of_zeros})
    flows, heard, (first, second), of_zeros = of_means(neurons, "neuron"), {}, strongest(shapley, 2), of_means(zeros)
    for name in flows.index[:2]:
        neuron = inside(method="neuron_conductance", selector=int(name.split()[1]), baselines=train)
        bars = replace(neuron.plot.bar(), title=f"Neuron conductance: what {name} hears of, mean sizes")
        heard[f"{name} hears most of {' and '.join(strongest(neuron, 2))}"] = bars
    adds, missing = DataFrame(shapley.to_numpy(), test.index, train.columns), (test == 0)[list(ZERO_IS_MISSING)]
    always = net[:2](as_tensor(test[test["insulin"] > 0]))[:, int(flows.index[0].split()[1])].min()
    apart, case = adds[first].abs() - adds[second].abs(), test.index.get_loc(adds[second][missing[second]].idxmax())
    in_training = Series(learnt, train.index).corr(train[second].where(train[second] > 0))
    in_network = adds[second].corr(test[second].where(test[second] > 0))
    gain = 100.0 * (((shapley.prediction > 0.5) == has_it.numpy()) * 1.0 - (has_it == 0).numpy())
    found = (shapley.prediction > 0.5)[has_it == 1].mean()
    return Page(
        title=f"Who has diabetes, in the eyes of a network that hardly knows: {first} and {second} move it most",
        asked=(
            f"A network learnt from {len(train)} women who has diabetes. What moves its probability for {len(test)} "
            f"others from {shapley.baseline_prediction[0]:.2f}, the mean over those it learnt from? Blue raises it, "
            f"hatched orange lowers it. {'; '.join(f'{name}: {meaning}' for name, meaning in MEANINGS.items())}.",
        ),
        sections=(
            Section(
                heading=f"{first} and {second} move it most",
                shows="Shapley values: what a feature adds to the probability, over all orders in which they become "
                f"known; before, they are those of women of the training set. {first} adds or takes {apart.mean():.3f} "
                f"± {half(apart):.3f} more: not enough to say which is first. Where {second} was measured, more of it "
                f"went along with diabetes in training (r = {signed(in_training)}), but takes from the probability (r "
                f"= {signed(in_network)}). That may be right once the rest is known, or come of the zeros below.",
                charts=(shapley.plot.bar(), shapley.plot.beeswarm()),
                table=of_means(shapley),
                caption="What features add to the probability; the interval is of the mean size",
                limits="What leads to diabetes.",
            ),
            Section(
                heading="What the network knows: hardly more than that most have no diabetes",
                shows=f"It is right {gain.mean():.1f} ± {half(gain):.1f} points more often than saying so of all, and "
                f"finds {found:.0%} of those who have it. One cut does as well. So figures say "
                "what this network computes, and little of diabetes: no explanation is better than its model. "
                "The other networks differ in their first weights alone; trust what they agree on.",
                table=rivals("diabetes", women, net, "glucose"),
                caption="How often rules and networks are right (class 0: no diabetes), and what moves networks most",
                limits="What a better network could do. This one was trained as in tutorials, on unscaled columns.",
            ),
            Section(
                heading=f"Zeros that mean: not measured, and one woman whose {second} was not",
                shows=f"{missing.any(axis=1).sum()} of {len(test)} women lack a measurement: the table has a zero, "
                f"which the network takes for a number. On the left: what a {second} of 0 adds. Woman "
                f"{test.index[case]} gets {shapley.prediction[case]:.2f} by it, and had {CLASSES[int(has_it[case])]}.",
                charts=(shapley.plot.scatter(second), shapley[case].plot.waterfall()),
                table=unmeasured(shapley, missing),
                caption="How many women lack a feature, and what it adds on average in these and in others",
                limits="Why it was not measured, which may say something of a woman in one clinic and not in another.",
            ),
            Section(
                heading=f"Why the baseline matters: from zeros, as people usually start, {of_zeros.index[0]} is first",
                shows="Zeros are a newborn of whom five things were not measured, whom the network gives "
                f"{zeros.baseline_prediction[0]:.5f}. On the straight way from her to a woman the probability rises "
                f"and falls, and Integrated Gradients give {of_zeros.index[0]} {signed(of_zeros['mean'].iloc[0])} on "
                "average, more than a probability has room for. First Shapley values, then these gradients.",
                charts=(methods({"from women": shapley, "from zeros": shapley_of_zeros}), zeros.mean().plot.bar()),
            ),
            Section(
                heading="Three levels, three questions: features, a layer, its neurons",
                shows="Features: which measurement moved the probability? You can check it in a woman's file. A layer: "
                f"through which of the {len(flows)} scores that the network makes first does the change flow? It says "
                f"where to look, and that {(flows['mean size'] < 1e-6).sum()} do nothing. A neuron: of which features "
                f"does one score hear? {', '.join(heard)}. Wherever insulin was measured, {flows.index[0]} is at least "
                f"{always:.3f}: it does not read how much there was.",
                charts=(neurons.plot.bar(), from_both, *heard.values()),
                table=flows,
                caption="What flows through each neuron of the first layer; another training gives other neurons",
            ),
            Section(
                heading="How far the numbers hold",
                shows=f"Shapley values are exact; intervals are of means over women. Neurons: {neurons.notes[0]}",
            ),
        ),
        code=Path(__file__).read_text(encoding="utf-8"),
        sources=(
            "Data: National Institute of Diabetes and Digestive and Kidney Diseases; see the README beside them.",
        ),
    )


if __name__ == "__main__":
    print(page := report())
    page.save("diabetes.html")
