"""Whether a tumour of the breast is malignant: a network that takes the raw columns of a table, large and small."""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from pandas import DataFrame, Index
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn.functional import relu, softmax

import pellucid
from pellucid.examples.figures import of_means, strongest
from pellucid.examples.levels import levels, pictures
from pellucid.examples.score import accuracy
from pellucid.examples.split import Split, as_tensor, split, standardized
from pellucid.examples.stored import with_weights
from pellucid.methods import Background
from pellucid.pages import Page, Section
from pellucid.plot import methods

MEASURES = (
    *("radius", "texture", "perimeter", "area", "smoothness"),
    *("compactness", "concavity", "concave points", "symmetry", "fractal dimension"),
)
STATISTICS = ("mean {}", "{} error", "worst {}")
FEATURES = tuple(pattern.format(measure) for pattern in STATISTICS for measure in MEASURES)
COLUMNS = {measure: [pattern.format(measure) for pattern in STATISTICS] for measure in MEASURES}
ONE_FEATURE = {"size": [*COLUMNS.pop("radius"), *COLUMNS.pop("perimeter"), *COLUMNS.pop("area")]} | COLUMNS
CLASSES = ("malignant", "benign")


class Network(nn.Module):
    """30 features, hidden layers of 5, 10 and 15 neurons, the probabilities of 2 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.lin1 = nn.Linear(30, 5)
        self.lin2 = nn.Linear(5, 10)
        self.lin3 = nn.Linear(10, 15)
        self.lin4 = nn.Linear(15, 2)

    def forward(self, features: Tensor) -> Tensor:
        """Predict the probabilities of the classes, `[rows, 2]`, of raw features, `[rows, 30]`."""
        hidden = relu(self.lin2(relu(self.lin1(features))))
        return softmax(self.lin4(relu(self.lin3(hidden))), dim=1)


def data() -> Split:
    """Take the 569 tumours from scikit-learn."""
    tumours = load_breast_cancer(as_frame=True)
    rows = np.arange(len(tumours.data))
    train, test = train_test_split(rows, test_size=0.1, random_state=123, stratify=tumours.target)
    return split(tumours.data, torch.tensor(tumours.target), train, test)


def network() -> Network:
    """Build the untrained network."""
    return Network()


def trained() -> Network:
    """Build the network that tells 55 of 57 tumours right."""
    return with_weights("cancer", network)


def report() -> Page:
    """Explain by what two networks tell tumours apart: one of raw columns, one of columns of the same size."""
    (train, test, _, truth), net = (tumours := data()), trained()
    same, other, measures, columns = standardized(tumours), with_weights("cancer_scaled", network), {}, {}
    explain = partial(pellucid.explain, target="malignant", class_names=CLASSES)
    for name, each, learnt, rows in (("raw", net, train, test), ("scaled", other, same.train, same.test)):
        ask = partial(explain, each, rows, baselines=Background(learnt))
        measures[name] = ask(method="shapley_values", feature_mask=ONE_FEATURE)
        columns[name] = ask(method="gradient_shap", n_samples=4000)
    raw, spread, (first,) = measures["raw"], train.std(), strongest(measures["raw"], 1)
    sizes = DataFrame({name: np.abs(each.to_numpy()).mean(0) for name, each in columns.items()}, Index(FEATURES))
    shares, top = sizes / sizes.sum(), sizes["raw"].idxmax()
    zeros = explain(net, test, method="integrated_gradients", n_steps=200)
    starts = {"from tumours": columns["raw"], "from zeros": zeros}
    benign = {name: np.median(np.abs(each[top].to_numpy()[truth == 1])) for name, each in starts.items()}
    shown = levels(net, net.lin2, as_tensor(test), unit=5, target=truth)
    case, of_class = int(np.abs(raw.prediction - (truth == 0).numpy()).argmax()), "probability of the tumour's class"
    usual = pictures(shown, case, FEATURES, "tumours", of_class)
    return Page(
        title=f"Malignant or benign, in the eyes of a network: {first} counts most, and most of that is {top}",
        asked=(
            f"A network learnt from {len(train)} tumours of the breast which are malignant; it is right for "
            f"{accuracy(net, test, truth):.1%} of {len(test)} others. What moves its probability of malignant for "
            f"these from {raw.baseline_prediction[0]:.2f}, the mean over those it learnt from? Blue raises it, hatched "
            "orange lowers it. Ten measures of the nuclei of cells were taken, each as a mean, its standard error, and "
            "the mean of the three largest: worst. Radius, perimeter and area are nearly one thing, their size.",
        ),
        sections=(
            Section(
                heading=f"{first.capitalize()} counts most",
                shows="Shapley values: what a measure adds to the probability, over all orders in which they become "
                "known; before, they are those of learnt tumours. Which is second, the intervals leave open. "
                f"Then columns, by expected gradients: {top} goes beyond 1, as others of size take back what it adds.",
                charts=(raw.plot.bar(), columns["raw"].plot.beeswarm()),
                table=of_means(raw),
                caption="What measures add to the probability; the interval is of the mean size",
                limits="What makes tumours malignant, or what to look at: measures go together.",
            ),
            Section(
                heading=f"Scaled columns: {top} falls from {shares['raw'][top]:.0%} to {shares['scaled'][top]:.0%}",
                shows=f"Standard deviations of columns go from {spread.min():.1g} to {spread.max():.0f}; what is large "
                "moves a network before it has learnt. Trained on scaled columns, it is right for "
                f"{accuracy(other, same.test, truth):.1%}: size counts less, shape more, of columns "
                f"{shares['scaled'].idxmax()} most. An explanation is of one network, not of tumours.",
                charts=(methods(measures), methods(columns)),
                limits=f"Which network is better: {len(test)} tumours cannot tell.",
            ),
            Section(
                heading="One tumour: the one that the network gets most wrong",
                shows=f"Tumour {test.index[case]} is {CLASSES[int(truth[case])]}. This network gives it "
                f"{raw.prediction[case]:.3f}, that of scaled columns {measures['scaled'].prediction[case]:.5f}.",
                charts=(raw[case].plot.waterfall(),),
                limits="What would have to be different for it to be seen.",
            ),
            Section(
                heading="Why the baseline matters: from zeros, as usual, benign tumours have no reasons",
                shows="The network takes zeros, which are no tumour, for a benign one, as others are: "
                f"half the benign ones get less than {benign['from zeros']:.4f} from {top}; from tumours, "
                f"{benign['from tumours']:.2f}. Then the tumour above, and means, each for its own class.",
                charts=(methods(starts), zeros.mean().plot.bar(), *usual[:2]),
                limits=f"What columns matter. No tumour has area {test['mean area'].iloc[case]:.0f} and perimeter 0.",
            ),
            Section(
                heading="Inside: the 10 units of the second layer, and what moves unit 5",
                shows=f"From zeros, too. Of units, {(shown.units['ablation to 0'] == 0).all(0).sum()} do nothing here.",
                charts=usual[2:],
                limits="What a unit means. Another training gives other units.",
            ),
            Section(
                heading="How far the numbers hold",
                shows="Shapley values are exact, from all tumours of the training set, and add up within "
                f"{np.abs(raw.delta).max():.0e}. Intervals are of means over {len(test)} tumours.",
            ),
        ),
        code=Path(__file__).read_text(encoding="utf-8"),
        sources=("Data: William Wolberg, Nick Street and Olvi Mangasarian, 1995; see the README beside the data.",),
    )


if __name__ == "__main__":
    print(page := report())
    page.save("cancer.html")
