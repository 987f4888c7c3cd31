"""Label maps in MATLAB files, the format of SBD and PASCAL Context."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from encnet.data.raw_labels import LARGEST_VALUE
from encnet.system.errors import InputError, first_line

MATLAB_SUFFIX = ".mat"


def read_matlab_labels(path: str | Path) -> np.ndarray:
    """The label map of a MATLAB file up to version 7: (H, W) int32 in 0-65535.

    The label map is the variable ``LabelMap`` (PASCAL Context), or the field ``Segmentation`` of ``GTcls`` (SBD).

    Raises:
        InputError: there is no such file, it is damaged, or it holds no such label map.
    """
    from scipy.io import loadmat  # takes half a second, which predictions need not wait for

    try:
        variables = loadmat(str(path), appendmat=False, variable_names=["LabelMap", "GTcls"])
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}; restore it or correct the path") from error
    except Exception as error:  # zlib.error, ValueError, TypeError, NotImplementedError for version 7.3, ...
        raise InputError(f"cannot read {path} as a MATLAB file: {first_line(error)}; replace the file") from error
    labels: Any = variables.get("LabelMap")
    if labels is None and "GTcls" in variables and "Segmentation" in (variables["GTcls"].dtype.names or ()):
        labels = variables["GTcls"]["Segmentation"].flat[0]
    if labels is None:
        raise InputError(f"{path} holds neither LabelMap nor GTcls.Segmentation, so no label map; replace the file")
    labels = np.asarray(labels)
    is_matrix = labels.ndim == 2 and labels.dtype.kind in "iu" and labels.size > 0
    if not is_matrix or labels.min() < 0 or labels.max() > LARGEST_VALUE:
        raise InputError(f"the label map in {path} is not a matrix of integers in 0-{LARGEST_VALUE}; replace the file")
    return labels.astype(np.int32)
