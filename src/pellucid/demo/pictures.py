"""The charts of the Titanic report, each with the sentences that say what it shows."""

from dataclasses import dataclass

from pellucid.demo.findings import FeatureSummary, Findings
from pellucid.plot import Bars, Chart, Histogram, Scatter, centred_bins, signed

ATTRIBUTION = "attribution (change of the predicted probability)"


@dataclass(frozen=True)
class Picture:
    """A chart, the name of its file, what it is, and what one sees in it."""

    name: str
    chart: Chart
    alternative: str
    sentences: str


def pictures(findings: Findings) -> list[Picture]:
    """Return the charts in the order in which they are read."""
    return [_feature_means(findings), _sibsp_distribution(findings), _sibsp_by_value(findings)]


def _feature_means(findings: Findings) -> Picture:
    features = findings.by_feature()
    strongest, *_, second, most_adverse = features
    weak, weakest = sorted(features, key=lambda feature: abs(feature.mean))[1::-1]
    divided = max(features, key=lambda feature: feature.mean_size - abs(feature.mean))
    return Picture(
        name="feature-means",
        chart=Bars(
            title="What speaks for survival, and what against",
            x_label=f"mean {ATTRIBUTION}",
            y_label="feature",
            names=tuple(feature.name for feature in features),
            values=tuple(feature.mean for feature in features),
        ),
        alternative="Bar chart of the mean attribution of each of the 12 features.",
        sentences=(
            f"On average {_quoted(most_adverse)} and {_quoted(second)} speak most against survival, and "
            f"{_quoted(strongest)} speaks most for it; {_quoted(weak)} and {_quoted(weakest)} hardly count. "
            f"A mean can hide much: {divided.name} moves the predictions by {divided.mean_size:.2f} on average, "
            f"some up and some down, which leaves {signed(divided.mean)}."
        ),
    )


def _sibsp_distribution(findings: Findings) -> Picture:
    attributions = findings.of("sibsp")
    unmoved = int((attributions == 0).sum())
    width = 0.1
    edges, counts = centred_bins(attributions.tolist(), width)
    nearly = int((attributions.abs() <= width / 2).sum()) - unmoved
    lowered, raised = int((attributions < 0).sum()), int((attributions > 0).sum())
    return Picture(
        name="sibsp-distribution",
        chart=Histogram(
            title="Distribution of the sibsp attributions",
            x_label=f"sibsp {ATTRIBUTION}",
            y_label="passengers (logarithmic scale)",
            edges=edges,
            counts=counts,
            logarithmic=True,
        ),
        alternative="Histogram of the attributions of sibsp, the number of siblings and spouses aboard.",
        sentences=(
            f"For {unmoved} of the {len(attributions)} passengers the attribution is exactly 0: they travelled without "
            f"siblings or spouse, as the baseline does. Of the others, {lowered} have a negative one, "
            f"down to {signed(attributions.min().item())}, and {raised} a positive one, none above "
            f"{signed(attributions.max().item())}; the grey bar holds {nearly} of these too, as they are nearly 0."
        ),
    )


def _sibsp_by_value(findings: Findings) -> Picture:
    groups = findings.by_value("sibsp")
    company = groups[1]
    lowest = min(groups, key=lambda group: group.mean)
    few = sum(group.count for group in groups if group.value >= lowest.value)
    return Picture(
        name="sibsp-by-value",
        chart=Scatter(
            title="Attribution by number of siblings and spouses aboard",
            x_label="sibsp (siblings and spouses aboard)",
            y_label="mean attribution\n(change of the predicted probability)",
            x=tuple(group.value for group in groups),
            y=tuple(group.mean for group in groups),
            sizes=tuple(group.count for group in groups),
            size_label="passengers",
        ),
        alternative="Dots of the mean sibsp attribution at each number of siblings and spouses, sized by passengers.",
        sentences=(
            f"Company speaks against survival: {signed(company.mean)} on average with {company.value} sibling or "
            f"spouse aboard, {signed(lowest.mean)} with {lowest.value}, against 0 with none. The dots from "
            f"{lowest.value} on stand for {few} passengers only, so their ups and downs mean little."
        ),
    )


def _quoted(feature: FeatureSummary) -> str:
    return f"{feature.name} ({signed(feature.mean)})"
