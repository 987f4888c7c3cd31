"""The HTML page of explanations: one file that includes its pictures and loads nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from encnet.explanation.pictures import (
    assignment_picture,
    changed_picture,
    codeword_colors,
    entropy_picture,
    gamma_figure,
    photograph,
    prediction_picture,
    shown_classes,
    strongest_picture,
)
from encnet.explanation.result import Exchange, Explanation
from encnet.explanation.use import CodewordUse
from encnet.reports.figures import figure_png
from encnet.reports.html import css_color, figure, percent, picture, rendered
from encnet.system.text import counted

_TRANSITIONS = 6
"""Upper bound on the transitions listed for an exchange."""
_ON_CLASSES = 2
"""Upper bound on the classes named for a codeword."""


def explanation_page(
    explanations: Iterable[Explanation],
    model: str,
    use: CodewordUse | None = None,
) -> str:
    """The page as HTML: explanations of images by one model.

    Args:
        explanations: at least one explanation; only one is held in memory at a time.
        model: name of the model.
        use: use of the codewords over a data set, if it was measured.
    """
    images, facts = [], {}
    for explanation in explanations:
        images.append(_image(explanation))
        codes, channels = explanation.semantics_by_codeword.shape
        facts = {"images": str(len(images)), "codewords": str(codes), "channels": str(channels)}
    if use is not None:
        facts[f"dead over {use.name}"] = f"{len(use.dead)} of {counted(len(use.share), 'codeword')}"
    return rendered(
        "explain.html",
        title=f"What {model} saw",
        facts=facts,
        images=images,
        use=None if use is None else _use(use),
    )


def _use(use: CodewordUse) -> dict[str, Any]:
    """The values for the section on the use of codewords over a data set."""
    return {
        "name": use.name,
        "images": use.images,
        "dead": ", ".join(map(str, use.dead.tolist())),
        "nowhere": int((use.strongest == 0).sum()),
        "rows": [
            [
                f"{k}, dead" if k in use.dead else str(k),
                percent(float(use.share[k]), 2),
                percent(float(use.highest[k]), 2),
                percent(float(use.strongest[k]), 2),
            ]
            for k in np.argsort(-use.share, kind="stable").tolist()
        ],
    }


def _image(explanation: Explanation) -> dict[str, Any]:
    """The values for the section of an image."""
    name = explanation.path.name if explanation.path else "image"
    entropy, codes = explanation.entropy, len(explanation.assignment)
    first = explanation.exchanges[0]
    facts = {
        "codewords in use": f"{codes - len(explanation.unused)} of {codes}",
        "effective number of codewords": f"{explanation.effective_codewords:.1f}",
        "mean entropy of the assignment": f"{entropy.mean():.2f} of 1",
        "γ, lowest to highest": f"{explanation.gamma.min():.2f} to {explanation.gamma.max():.2f}",
        f"pixels that change with {first.name}": f"{percent(explanation.changed(first).mean())} %",
    }
    return {
        "name": name,
        "facts": facts,
        "photograph": picture(photograph(explanation), f"{name}: the image", photograph=True),
        "prediction": picture(prediction_picture(explanation), f"{name}: {_described(explanation)}", photograph=True),
        "legend": _legend(explanation, *explanation.exchanges),
        "strongest": picture(
            strongest_picture(explanation), f"{name}: the strongest codeword of each pixel", photograph=True
        ),
        "entropy": picture(
            entropy_picture(explanation),
            f"{name}: entropy of the assignment, {entropy.min():.2f} to {entropy.max():.2f}",
            photograph=True,
        ),
        "greatest_entropy": f"{entropy.max():.2f}",
        "codewords": [_codewords(explanation, group, name) for group in explanation.alike()],
        "unused": [_codewords(explanation, [k], name) for k in explanation.unused.tolist()],
        "gamma": figure(
            figure_png(gamma_figure(explanation)),
            f"{name}: γ by channel, {explanation.gamma.min():.2f} to {explanation.gamma.max():.2f}, and the "
            "contribution of groups of channels to the score of each class",
        ),
        "class_columns": _class_columns(explanation),
        "classes": _class_rows(explanation),
        "exchanges": [_exchange(explanation, exchange, name) for exchange in explanation.exchanges],
    }


def _codewords(explanation: Explanation, group: list[int], name: str) -> dict[str, Any]:
    """Picture, colour and caption of a codeword's assignment map; the caption names those that look the same."""
    codeword, *others = group
    class_shares = explanation.codeword_classes()[codeword]
    classes = ", ".join(
        f"{explanation.names[c]} {percent(class_shares[c], 0)} %"
        for c in np.argsort(-class_shares, kind="stable")[:_ON_CLASSES].tolist()
        if class_shares[c] >= 0.005
    )
    parts = [
        f"codeword {codeword}: {_share(explanation.usage[codeword])} % of the pixels",
        f"up to {_share(float(explanation.assignment[codeword].max()))} % of a single pixel",
    ]
    if explanation.use is not None:
        parts.append(f"{_share(float(explanation.use.share[codeword]))} % over {explanation.use.name}")
    semantics_share = explanation.semantics_by_codeword[codeword].sum() / max(float(explanation.semantics.sum()), 1e-12)
    parts += [f"on {classes}", f"{percent(semantics_share)} % of e"]
    alike = [f"codeword {k}: {_share(explanation.usage[k])} % of the pixels" for k in others]
    if alike:
        parts.append(f"these look the same: {', '.join(alike)}")
    return {
        "picture": picture(
            assignment_picture(explanation, codeword),
            f"{name}: the pixels of codeword {codeword}, on {classes}",
            photograph=True,
        ),
        "color": css_color(codeword_colors(explanation)[codeword]),
        "caption": "; ".join(parts),
    }


def _class_columns(explanation: Explanation) -> list[str]:
    """The column names of the table of classes."""
    presence = ["presence"] if explanation.presence is not None else []
    changes = [f"pixels, {exchange.name}" for exchange in explanation.exchanges]
    return ["class", *presence, "γ over the image", "γ at its pixels", "pixels", *changes]


def _class_rows(explanation: Explanation) -> list[list[str]]:
    """The rows of the table of classes, one per class shown."""
    shares, (favour, favour_at_class) = explanation.shares(), explanation.class_contribution()
    exchange_shares = [explanation.shares(exchange.labels) for exchange in explanation.exchanges]
    rows = []
    for c in shown_classes(explanation):
        row = [explanation.names[c]]
        if explanation.presence is not None:
            row.append(percent(explanation.presence[c]))
        at_class = "–" if np.isnan(favour_at_class[c]) else f"{favour_at_class[c]:+.2f}"
        row += [f"{favour[c]:+.2f}", at_class, percent(shares[c])]
        rows.append([*row, *(percent(float(values[c])) for values in exchange_shares)])
    return rows


def _exchange(explanation: Explanation, exchange: Exchange, name: str) -> dict[str, Any]:
    """The values for the section of an exchange."""
    changed = percent(explanation.changed(exchange).mean())
    names = explanation.names
    listed = explanation.transitions(exchange)[:_TRANSITIONS]
    return {
        "title": f"With {exchange.name}",
        "changed": changed,
        "transitions": [[f"{names[t.before]} → {names[t.after]}", percent(t.share, 2)] for t in listed],
        "prediction": picture(
            prediction_picture(explanation, exchange), f"{name}: the prediction with {exchange.name}", photograph=True
        ),
        "map": picture(
            changed_picture(explanation, exchange),
            f"{name}: the {changed} % of pixels whose class changes with {exchange.name}",
            photograph=True,
        ),
    }


def _described(explanation: Explanation) -> str:
    """The prediction in words."""
    shares = explanation.shares()
    listed = np.argsort(-shares, kind="stable")[:4].tolist()
    return "predicted " + ", ".join(
        f"{explanation.names[c]} {percent(float(shares[c]), 0)} %" for c in listed if shares[c]
    )


def _legend(explanation: Explanation, *exchanges: Exchange) -> list[dict[str, str]]:
    """The legend of the classes that occur in any of the predictions."""
    occur = sum((explanation.shares(exchange.labels) for exchange in exchanges), explanation.shares()) > 0
    return [
        {"name": name, "color": css_color(explanation.palette[c])}
        for c, name in enumerate(explanation.names)
        if occur[c]
    ]


def _share(value: float) -> str:
    """A share in percent, with more digits if it is small."""
    return percent(value, 1 if value >= 0.01 else 3)
