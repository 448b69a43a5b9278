"""Captum's functions that draw attributions of images and time series, and show those of texts.

Pictures take Matplotlib, `pip install "pellucid[plot]"`; texts take nothing. Arrays and tensors are welcome, with
channels last. Beyond Captum, `normalize=None` and `limits` draw several maps on one scale, `theme` draws on a light or
a dark background, and `return_numpy` gives what is drawn as an array.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any, Literal, overload

from numpy.typing import NDArray

from pellucid import plot
from pellucid.attr import _drawing
from pellucid.attr._drawing import ThemeLike, draws
from pellucid.plot import text as _text
from pellucid.plot.arrays import as_array
from pellucid.plot.canvas import FigureAndArray, FigureAndAxes, FigureAndList
from pellucid.plot.colours import ColourMapLike
from pellucid.plot.masks import AxesLike, ColourLike
from pellucid.plot.normalization import Normalization

__all__ = [
    "ImageVisualizationMethod",
    "TimeseriesVisualizationMethod",
    "VisualizationDataRecord",
    "VisualizeSign",
    "draw_mask_border",
    "draw_mask_legend",
    "format_classname",
    "format_special_tokens",
    "format_tooltip",
    "format_word_importances",
    "visualize_image_attr",
    "visualize_image_attr_multiple",
    "visualize_text",
    "visualize_timeseries_attr",
]


class ImageVisualizationMethod(Enum):
    """What `visualize_image_attr` may draw."""

    heat_map = 1
    blended_heat_map = 2
    original_image = 3
    masked_image = 4
    alpha_scaling = 5


class TimeseriesVisualizationMethod(Enum):
    """What `visualize_timeseries_attr` may draw."""

    overlay_individual = 1
    overlay_combined = 2
    colored_graph = 3


class VisualizeSign(Enum):
    """Which attributions are drawn."""

    positive = 1
    absolute_value = 2
    negative = 3
    all = 4


@overload
def visualize_image_attr(
    attr: object,
    original_image: object = None,
    method: str | ImageVisualizationMethod = "heat_map",
    sign: str | VisualizeSign = "absolute_value",
    plt_fig_axis: FigureAndAxes | None = None,
    outlier_perc: float = 2,
    cmap: ColourMapLike = None,
    alpha_overlay: float = 0.5,
    show_colorbar: bool = False,
    title: str | None = None,
    fig_size: tuple[float, float] = (6, 6),
    use_pyplot: bool = True,
    *,
    normalize: Normalization = "outliers",
    limits: tuple[float, float] | None = None,
    theme: ThemeLike = None,
    return_numpy: Literal[False] = False,
) -> FigureAndAxes: ...


@overload
def visualize_image_attr(
    attr: object,
    original_image: object = None,
    method: str | ImageVisualizationMethod = "heat_map",
    sign: str | VisualizeSign = "absolute_value",
    plt_fig_axis: FigureAndAxes | None = None,
    outlier_perc: float = 2,
    cmap: ColourMapLike = None,
    alpha_overlay: float = 0.5,
    show_colorbar: bool = False,
    title: str | None = None,
    fig_size: tuple[float, float] = (6, 6),
    use_pyplot: bool = True,
    *,
    normalize: Normalization = "outliers",
    limits: tuple[float, float] | None = None,
    theme: ThemeLike = None,
    return_numpy: Literal[True],
) -> NDArray[Any]: ...


@draws(
    attributions="attr",
    colours="cmap",
    drawn="plt_fig_axis",
    image="original_image",
    normalization="normalize",
    opacity="alpha_overlay",
    outlier_percent="outlier_perc",
    view="method",
)
def visualize_image_attr(
    attr: object,
    original_image: object = None,
    method: str | ImageVisualizationMethod = "heat_map",
    sign: str | VisualizeSign = "absolute_value",
    plt_fig_axis: FigureAndAxes | None = None,
    outlier_perc: float = 2,
    cmap: ColourMapLike = None,
    alpha_overlay: float = 0.5,
    show_colorbar: bool = False,
    title: str | None = None,
    fig_size: tuple[float, float] = (6, 6),
    use_pyplot: bool = True,
    *,
    normalize: Normalization = "outliers",
    limits: tuple[float, float] | None = None,
    theme: ThemeLike = None,
    return_numpy: bool = False,
) -> FigureAndAxes | NDArray[Any]:
    """Draw the attributions of one image.

    Args:
        attr: One for each pixel, (H, W), or for each channel of each pixel, (H, W, C), which are added up.
        original_image: The image, (H, W) or (H, W, C), from 0 to 1 or from 0 to 255; a heat map does without.
        method: "heat_map"; "blended_heat_map", over the image in grey; "original_image"; "masked_image", darker where
            attributions are smaller; "alpha_scaling", more transparent there.
        sign: "absolute_value", "positive", "negative" (drawn as positive values) or "all"; not "all" where
            attributions light the image.
        plt_fig_axis: A figure and the axes to draw in; None makes new ones.
        outlier_perc: How much of the sum of all attributions' sizes, in percent, may lie beyond the last colour.
        cmap: A colour map of Matplotlib's or its name; "captum" for Captum's, in which green is positive and red
            negative; None for ours, blue and orange, and violet for sizes.
        alpha_overlay: The opacity of a blended heat map.
        show_colorbar: Whether a bar of the colours and their values is drawn below.
        title: What is written above.
        fig_size: Width and height of a new figure in inches.
        use_pyplot: Whether a new figure is pyplot's, its current one from there on, and is shown. If not, pyplot is
            left alone.
        normalize: "outliers" scales attributions by `outlier_perc`; None draws them as they are.
        limits: The values of the first and the last colour, so that several maps can be compared.
        theme: "light", "dark" or a `pellucid.plot.Theme`; None leaves Matplotlib's settings, and takes colours that
            suit the background.
        return_numpy: Whether to return what would be drawn, without a figure.

    Returns:
        The figure and its axes; or, with `return_numpy`, levels (H, W, 3) or, with opacities, (H, W, 4), from 0 to 255.

    Raises:
        InvalidArgument: An argument is not what it must be; the message says what it may be.
    """
    return _drawing.image(
        attr,
        original_image,
        method,
        plot.Scaling(_drawing.name_of(sign), outlier_perc, normalize, limits),
        plot.Look(cmap, alpha_overlay, show_colorbar, title, _drawing.theme_or_none(theme)),
        plot.Canvas(plt_fig_axis, fig_size, use_pyplot),
        return_numpy,
    )


@draws(
    attributions="attr",
    colours="cmap",
    image="original_image",
    normalization="normalize",
    opacity="alpha_overlay",
    outlier_percent="outlier_perc",
    view="methods",
    views="methods",
)
def visualize_image_attr_multiple(
    attr: object,
    original_image: object,
    methods: Sequence[str | ImageVisualizationMethod],
    signs: Sequence[str | VisualizeSign],
    titles: Sequence[str] | None = None,
    fig_size: tuple[float, float] = (8, 6),
    use_pyplot: bool = True,
    **kwargs: Any,
) -> FigureAndList:
    """Draw the attributions of one image in several ways, side by side.

    Args:
        attr: See `visualize_image_attr`.
        original_image: The image.
        methods: What is drawn, from left to right.
        signs: Which attributions, for each of these.
        titles: What is written above each.
        fig_size: Width and height of the figure in inches.
        use_pyplot: Whether the figure is pyplot's, and is shown.
        **kwargs: Further arguments of `visualize_image_attr`: `outlier_perc`, `cmap`, `alpha_overlay`,
            `show_colorbar`, `normalize`, `limits` and `theme`.

    Returns:
        The figure and a list of its axes; where there is one method, its axes alone.

    Raises:
        InvalidArgument: An argument is not what it must be; the message says what it may be.
    """
    return _drawing.image_row(
        attr, original_image, methods, signs, titles, plot.Canvas(None, fig_size, use_pyplot), kwargs
    )


@draws(
    attributions="attr",
    colours="cmap",
    drawn="plt_fig_axis",
    names="channel_labels",
    normalization="normalize",
    opacity="alpha_overlay",
    outlier_percent="outlier_perc",
    series="data",
    times="x_values",
    view="method",
)
def visualize_timeseries_attr(
    attr: object,
    data: object,
    x_values: object = None,
    method: str | TimeseriesVisualizationMethod = "overlay_individual",
    sign: str | VisualizeSign = "absolute_value",
    channel_labels: Sequence[object] | None = None,
    channels_last: bool = True,
    plt_fig_axis: FigureAndArray | None = None,
    outlier_perc: float = 2,
    cmap: ColourMapLike = None,
    alpha_overlay: float = 0.7,
    show_colorbar: bool = False,
    title: str | None = None,
    fig_size: tuple[float, float] = (6, 6),
    use_pyplot: bool = True,
    *,
    normalize: Normalization = "outliers",
    limits: tuple[float, float] | None = None,
    theme: ThemeLike = None,
    **pyplot_kwargs: Any,
) -> FigureAndArray:
    """Draw the attributions of one time series.

    Args:
        attr: One for each step and channel, (N, C).
        data: The series, (N, C).
        x_values: Where the steps are, (N,), in increasing order; None counts them from zero.
        method: "overlay_individual", each channel over the colours of its attributions; "overlay_combined", all over
            the colours of their sums; "colored_graph", each as a line of these colours.
        sign: "absolute_value", "positive", "negative" (drawn as positive values) or "all".
        channel_labels: Names of the channels.
        channels_last: Whether `attr` and `data` are (N, C), and not (C, N).
        plt_fig_axis: A figure and the axes to draw in, one for each channel or, for "overlay_combined", one; None makes
            new ones.
        outlier_perc: How much of the sum of all attributions' sizes, in percent, may lie beyond the last colour.
        cmap: A colour map of Matplotlib's or its name; "captum" for Captum's; None for ours.
        alpha_overlay: The opacity of the colours behind lines.
        show_colorbar: Whether a bar of the colours and their values is drawn below.
        title: What is written above.
        fig_size: Width and height of a new figure in inches.
        use_pyplot: Whether a new figure is pyplot's, its current one from there on, and is shown. If not, pyplot is
            left alone.
        normalize: "outliers" scales attributions by `outlier_perc`; None draws them as they are.
        limits: The values of the first and the last colour, so that several series can be compared.
        theme: "light", "dark" or a `pellucid.plot.Theme`; None leaves Matplotlib's settings.
        **pyplot_kwargs: Options of Matplotlib's lines, such as `linewidth`.

    Returns:
        The figure and an array of its axes; where there is one panel, its axes alone.

    Raises:
        InvalidArgument: An argument is not what it must be; the message says what it may be.
    """
    return _drawing.series(
        attr,
        data,
        method,
        plot.SeriesAxis(x_values, channel_labels, channels_last),
        plot.Scaling(_drawing.name_of(sign), outlier_perc, normalize, limits),
        plot.Look(cmap, alpha_overlay, show_colorbar, title, _drawing.theme_or_none(theme)),
        plot.Canvas(plt_fig_axis, fig_size, use_pyplot),
        pyplot_kwargs,
    )


class VisualizationDataRecord:
    """A prediction from a text, and what it comes from: a row of `visualize_text`.

    Args:
        word_attributions: One for each word.
        pred_prob: How probable the predicted class is to the model.
        pred_class: The class that it predicts.
        true_class: The class that it is.
        attr_class: The class that the attributions are of.
        attr_score: The sum of the attributions.
        raw_input_ids: The words.
        convergence_score: How far the attributions are from adding up; a tooltip shows it.
    """

    __slots__ = (
        "attr_class",
        "attr_score",
        "convergence_score",
        "pred_class",
        "pred_prob",
        "raw_input_ids",
        "true_class",
        "word_attributions",
    )

    def __init__(
        self,
        word_attributions: Any,
        pred_prob: Any,
        pred_class: Any,
        true_class: Any,
        attr_class: Any,
        attr_score: Any,
        raw_input_ids: Sequence[Any],
        convergence_score: Any,
    ) -> None:
        self.word_attributions = word_attributions
        self.pred_prob = pred_prob
        self.pred_class = pred_class
        self.true_class = true_class
        self.attr_class = attr_class
        self.attr_score = attr_score
        self.raw_input_ids = raw_input_ids
        self.convergence_score = convergence_score


@draws(values="word_attributions", words="raw_input_ids", probability="pred_prob", score="attr_score")
def visualize_text(
    datarecords: Iterable[VisualizationDataRecord],
    legend: bool = True,
    *,
    limit: float | None = 1.0,
    theme: ThemeLike = "light",
) -> plot.Html:
    """Show predictions from texts in a table, whose words have the colours of their attributions.

    Args:
        datarecords: The rows.
        legend: Whether the colours are explained above.
        limit: The size of attributions from which on colours are full; None takes the largest.
        theme: "light", "dark" or a `pellucid.plot.Theme`.

    Returns:
        The table, which IPython shows where it is running; `.data` and `str` are its source, and `.save(path)` writes
        a page.

    Raises:
        InvalidArgument: A record does not hold what it must; the message says what it may be.
    """
    return _drawing.text(datarecords, legend, limit, theme)


def format_classname(classname: object) -> str:
    """A cell of a table with the name of a class, in bold letters."""
    return _text.bold_cell(classname)


def format_special_tokens(token: str) -> str:
    """The name of a special token, `#pad` of `<pad>`; other tokens as they are. This is text, not HTML."""
    return _text.without_brackets(token)


def format_tooltip(item: object, text: object) -> str:
    """An item with a text that a style sheet may show when the pointer is there."""
    return _text.tooltip(item, text)


@draws(values="importances")
def format_word_importances(words: Sequence[object], importances: object) -> str:
    """A cell of a table with words on the colours of their attributions; an empty one without any.

    Args:
        words: Words or tokens.
        importances: A number from -1 to 1 for each.

    Raises:
        InvalidArgument: There are fewer numbers than words, or they are no list.
    """
    return _text.word_cell(words, importances)


@draws(width="border_width", colour="border_color")
def draw_mask_border(ax: AxesLike, mask: object, border_width: int = 1, border_color: ColourLike = "black") -> None:
    """Draw the border of a mask over an image.

    Args:
        ax: The axes of the image.
        mask: Booleans (H, W).
        border_width: How many pixels wide it is, within the mask; 0 draws none.
        border_color: A colour of Matplotlib's, or levels from 0 to 1 of red, green, blue and, perhaps, opacity.

    Raises:
        InvalidArgument: An argument is not what it must be; the message says what it may be.
    """
    plot.draw_border(ax, mask, border_width, border_color)


@draws(box_opacity="bbox_alpha")
def draw_mask_legend(
    ax: AxesLike,
    mask: object,
    label: str,
    fontsize: int = 10,
    text_color: ColourLike = "white",
    bbox_facecolor: ColourLike = "black",
    bbox_alpha: float = 0.6,
) -> None:
    """Write a name in the middle of a mask.

    Args:
        ax: The axes of the image.
        mask: Booleans (H, W).
        label: The name.
        fontsize: Its size in points.
        text_color: Its colour.
        bbox_facecolor: The colour of the box behind it.
        bbox_alpha: The opacity of the box.

    Raises:
        InvalidArgument: An argument is not what it must be; the message says what it may be.
    """
    plot.draw_name(ax, mask, label, plot.Label(fontsize, text_color, bbox_facecolor, bbox_alpha))


@draws(outlier_percent="outlier_perc")
def _normalize_attr(attr: object, sign: str, outlier_perc: float = 2) -> NDArray[Any]:
    """Attributions of any shape on Captum's scale, which clients of its private function take."""
    return plot.Scaling(_drawing.name_of(sign), outlier_perc)(as_array("attr", attr)).values
