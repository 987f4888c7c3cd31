"""The part of the page that shows the codewords of an image."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from encnet.explanation.pictures import LARGE, assignment_picture, entropy_picture
from encnet.reports.html import picture, rendered

if TYPE_CHECKING:
    from encnet.explanation.result import Explanation


def codewords(explanation: Explanation) -> str:
    """Returns the HTML of the assignment maps: one picture per codeword that the image uses, the most used first.

    Codewords whose maps look the same share a picture, and their shares of the image are added.

    Args:
        explanation: of the image, as :func:`encnet.explain` returns it.
    """
    image = explanation.image.copy()
    image.thumbnail((LARGE, LARGE))  # once, instead of for each picture
    explanation = replace(explanation, image=image)
    usage, classes = explanation.usage, explanation.codeword_classes()
    groups, rows = explanation.alike(), []
    for group in groups:
        k, numbers = group[0], ", ".join(map(str, group))
        main_class = explanation.names[int(classes[k].argmax())]
        alternative = f"the pixels of codeword {numbers}, mostly {main_class}"
        rows.append(
            {
                "numbers": numbers,
                "picture": picture(assignment_picture(explanation, k), alternative, photograph=True),
                "share": float(usage[group].sum()),
                "main_class": main_class,
            }
        )
    return rendered(
        "app_codewords.html",
        rows=rows,
        codes=len(usage),
        unused=len(explanation.unused),
        alike=len(groups) < sum(map(len, groups)),
        entropy=picture(entropy_picture(explanation), "entropy of the assignment of each pixel", photograph=True),
        highest=float(explanation.entropy.max()),
    )
