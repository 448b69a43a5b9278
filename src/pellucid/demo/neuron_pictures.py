"""The charts of the conductances of the first hidden layer, each with a caption that says what it shows."""

from pellucid.demo.findings import Findings
from pellucid.demo.neurons import STRONGEST, NeuronFindings, neuron_name
from pellucid.demo.picture import CHANGE, Picture, as_sentence, bars, joined
from pellucid.plot import Histogram, Panels, centred_bins, signed

BIN = 0.1
CONDUCTANCE = f"conductance {CHANGE}"


def neuron_pictures(findings: Findings) -> list[Picture]:
    """Return the charts in the order in which they are read."""
    return [_neuron_means(findings), _distributions(findings.neurons), _through_features(findings)]


def what_it_looks_at(neurons: NeuronFindings, neuron: int) -> str:
    """Write which features carry more than half of the conductance of one of the strongest neurons."""
    features = neurons.looks_at(neuron)
    carried = sum(feature.mean_absolute for feature in features) / sum(
        f.mean_absolute for f in neurons.by_feature(neuron)
    )
    return f"{neuron_name(neuron)} looks mostly at {joined(features)}, {carried:.0%} of what flows through it"


def _neuron_means(findings: Findings) -> Picture:
    neurons = findings.neurons.by_neuron()
    strong, weak = _ends(findings.neurons)
    means = {neuron.name: neuron for neuron in neurons}
    return Picture(
        name="neuron-means",
        chart=bars(
            neurons,
            title="What each neuron of the first hidden layer adds",
            unit=f"mean {CONDUCTANCE}",
        ),
        alt_text=f"Bar chart of the mean conductance of each of the {len(neurons)} neurons.",
        caption=(
            as_sentence(
                f"{joined(means[neuron_name(neuron)] for neuron in strong)} move the predictions most; "
                f"{joined(means[neuron_name(neuron)] for neuron in weak)} hardly count"
            )
            + f" On average the {len(neurons)} conductances add up to {signed(findings.neurons.total(), 3)}; the "
            f"prediction changes by {signed(findings.change(), 3)}."
        ),
    )


def _distributions(neurons: NeuronFindings) -> Picture:
    strong, weak = _ends(neurons)

    def histogram(neuron: int) -> Histogram:
        edges, counts = centred_bins(neurons.conductances[:, neuron].tolist(), BIN)
        return Histogram(title=neuron_name(neuron), edges=edges, counts=counts)

    def near_zero(neuron: int) -> int:
        return int((neurons.conductances[:, neuron].abs() <= BIN / 2).sum())

    def reach(neuron: int) -> str:
        values = neurons.conductances[:, neuron]
        return (
            f"{neuron_name(neuron)} adds from {signed(values.min().item())} to {signed(values.max().item())} and is "
            f"nearly 0, the grey bar, for {near_zero(neuron)} of the {len(values)} passengers"
        )

    largest = neurons.conductances[:, weak].abs().max().item()
    return Picture(
        name="neuron-distributions",
        chart=Panels(
            title="Distribution of the conductances: two strong neurons, two weak ones",
            charts=tuple(map(histogram, strong + weak)),
            x_label=CONDUCTANCE,
            y_label="passengers",
        ),
        alt_text="Histograms of the conductances of the two strongest and of the two weakest neurons.",
        caption=(
            as_sentence("; ".join(map(reach, strong)))
            + f" For {joined(map(neuron_name, weak))} it holds {joined(map(near_zero, weak))} of them, "
            f"and no conductance exceeds {largest:.3f} in size."
        ),
    )


def _through_features(findings: Findings) -> Picture:
    neurons = findings.neurons
    order = [feature.name for feature in findings.by_feature()]
    return Picture(
        name="neuron-features",
        chart=Panels(
            title="What the two strongest neurons look at",
            charts=tuple(
                bars(
                    sorted(neurons.by_feature(neuron), key=lambda feature: order.index(feature.name)),
                    title=neuron_name(neuron),
                    unit="",
                )
                for neuron in neurons.shares
            ),
            x_label=f"mean {CONDUCTANCE}",
        ),
        alt_text="Two bar charts of the mean conductance of the two strongest neurons, feature by feature.",
        caption=(
            " ".join(as_sentence(what_it_looks_at(neurons, neuron)) for neuron in neurons.shares)
            + " What the features bring adds up to the conductance of the neuron, "
            f"within {neurons.gap():.3f} for every passenger."
        ),
    )


def _ends(neurons: NeuronFindings) -> tuple[list[int], list[int]]:
    """Return the strongest neurons and as many of the weakest, both from strong to weak."""
    ranked = neurons.ranked()
    return ranked[:STRONGEST], ranked[-STRONGEST:]
