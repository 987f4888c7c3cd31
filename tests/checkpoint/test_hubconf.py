"""torch.hub lists and builds every variant, and loads checkpoints."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import torch

from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.model.variants import list_models

ROOT = Path(__file__).parents[2]


def test_every_variant_is_an_entry_point() -> None:
    spec = spec_from_file_location("hubconf", ROOT / "hubconf.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    entries = vars(module)
    # The same choice as in torch.hub.list, which does not accept folders.
    names = [name for name, value in entries.items() if callable(value) and not name.startswith("_")]
    assert sorted(names) == sorted([*list_models(), "encnet"])
    assert all(entries[name].__doc__ for name in names)


def test_variant_is_built_in_training_mode() -> None:
    model = torch.hub.load(str(ROOT), "encnet_resnet50", num_classes=19, source="local")
    assert isinstance(model, EncNet)
    assert (model.num_classes, model.info.variant, model.training) == (19, "encnet_resnet50", True)


def test_options_reach_the_builder() -> None:
    torch.manual_seed(0)
    loaded = torch.hub.load(str(ROOT), "encnet_tiny", 4, source="local", stage3_se=True)
    assert isinstance(loaded, EncNet)
    torch.manual_seed(0)
    built = create_model("encnet_tiny", 4, stage3_se=True)
    assert loaded.state_dict().keys() == built.state_dict().keys()
    assert all(
        torch.equal(a, b) for a, b in zip(loaded.state_dict().values(), built.state_dict().values(), strict=True)
    )


def test_checkpoint_is_loaded_by_the_package_beside_hubconf(tmp_path: Path) -> None:
    """In a process of its own, from a copy, so that torch.hub loads another package than the installed one."""
    shutil.copy(ROOT / "hubconf.py", tmp_path)
    shutil.copytree(ROOT / "src/encnet", tmp_path / "src/encnet", ignore=shutil.ignore_patterns("__pycache__"))
    create_model("encnet_tiny", 3).save(tmp_path / "model.safetensors")
    code = (
        "import torch; model = torch.hub.load('.', 'encnet', 'model.safetensors', source='local');"
        "import encnet; print(encnet.__file__, model.num_classes, model.training)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split(maxsplit=1) == [str(tmp_path / "src/encnet/__init__.py"), "3 False\n"]
