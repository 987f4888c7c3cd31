"""The codewords of an image as a part of the page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from encnet.explanation.pictures import LARGE, assignment_picture, entropy_picture
from encnet.html import picture, rendered

if TYPE_CHECKING:
    from encnet.explanation.result import Explanation


def codewords(explanation: Explanation) -> str:
    """The HTML of the assignment maps: a picture for each codeword that the image uses, the most used first.

    Args:
        explanation: of the image, as :func:`encnet.explain` gives it.
    """
    image = explanation.image.copy()
    image.thumbnail((LARGE, LARGE))  # once, not for each picture
    explanation = replace(explanation, image=image)
    usage, classes = explanation.usage, explanation.codeword_classes()
    unused = set(explanation.unused.tolist())
    rows = []
    for k in np.argsort(-usage, kind="stable").tolist():
        if k in unused:
            continue
        mostly = explanation.names[int(classes[k].argmax())]
        said = f"where codeword {k + 1} has the pixels, mostly {mostly}"
        rows.append(
            {
                "number": k + 1,
                "picture": picture(assignment_picture(explanation, k), said, photograph=True),
                "share": float(usage[k]),
                "mostly": mostly,
            }
        )
    return rendered(
        "app_codewords.html",
        rows=rows,
        unused=len(unused),
        entropy=picture(entropy_picture(explanation), "entropy of the assignment of each pixel", photograph=True),
        highest=float(explanation.entropy.max()),
    )
