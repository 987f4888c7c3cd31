"""The part of the page that shows the codewords of an image."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from encnet.explanation.pictures import LARGE, assignment_picture, entropy_picture
from encnet.reports.html import picture, rendered

if TYPE_CHECKING:
    from encnet.explanation.result import Explanation


def codewords(explanation: Explanation) -> str:
    """Returns the HTML of the assignment maps: one picture per codeword that the image uses, the most used first.

    Args:
        explanation: of the image, as :func:`encnet.explain` returns it.
    """
    image = explanation.image.copy()
    image.thumbnail((LARGE, LARGE))  # once, instead of for each picture
    explanation = replace(explanation, image=image)
    usage, classes = explanation.usage, explanation.codeword_classes()
    unused = set(explanation.unused.tolist())
    rows = []
    for k in np.argsort(-usage, kind="stable").tolist():
        if k in unused:
            continue
        main_class = explanation.names[int(classes[k].argmax())]
        alternative = f"the pixels of codeword {k}, mostly {main_class}"
        rows.append(
            {
                "number": k,
                "picture": picture(assignment_picture(explanation, k), alternative, photograph=True),
                "share": float(usage[k]),
                "main_class": main_class,
            }
        )
    return rendered(
        "app_codewords.html",
        rows=rows,
        unused=len(unused),
        entropy=picture(entropy_picture(explanation), "entropy of the assignment of each pixel", photograph=True),
        highest=float(explanation.entropy.max()),
    )
