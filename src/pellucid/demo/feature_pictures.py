"""The charts of the attributions of features, each with a caption that says what it shows."""

from pellucid.demo.findings import Findings
from pellucid.demo.picture import CHANGE, Picture, bars
from pellucid.plot import Histogram, Scatter, centred_bins, signed


def feature_pictures(findings: Findings) -> list[Picture]:
    """Return the charts in the order in which they are read."""
    return [_feature_means(findings), _sibsp_distribution(findings), _sibsp_by_value(findings)]


def _feature_means(findings: Findings) -> Picture:
    features = findings.by_feature()
    strongest, *_, second, most_adverse = features
    weak, weakest = sorted(features, key=lambda feature: abs(feature.mean))[1::-1]
    divided = max(features, key=lambda feature: feature.mean_absolute - abs(feature.mean))
    return Picture(
        name="feature-means",
        chart=bars(
            features,
            title="What speaks for survival, and what against",
            unit=f"mean attribution {CHANGE}",
        ),
        alt_text="Bar chart of the mean attribution of each of the 12 features.",
        caption=(
            f"On average {most_adverse} and {second} speak most against survival, and "
            f"{strongest} speaks most for it; {weak} and {weakest} hardly count. "
            f"A mean can hide much: {divided.name} moves the predictions by {divided.mean_absolute:.2f} on average, "
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
            x_label=f"sibsp attribution {CHANGE}",
            y_label="passengers (logarithmic scale)",
            edges=edges,
            counts=counts,
            logarithmic=True,
        ),
        alt_text="Histogram of the attributions of sibsp, the number of siblings and spouses aboard.",
        caption=(
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
            y_label=f"mean attribution {CHANGE}",
            x=tuple(group.value for group in groups),
            y=tuple(group.mean for group in groups),
            sizes=tuple(group.count for group in groups),
            size_label="passengers",
        ),
        alt_text="Dots of the mean sibsp attribution at each number of siblings and spouses, sized by passengers.",
        caption=(
            f"Company speaks against survival: {signed(company.mean)} on average with {company.value} sibling or "
            f"spouse aboard, {signed(lowest.mean)} with {lowest.value}, against 0 with none. The dots from "
            f"{lowest.value} on stand for {few} passengers only, so their ups and downs mean little."
        ),
    )
