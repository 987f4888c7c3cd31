"""Short versions of `python -m benchmarks reliability`: a few cases of each kind end as they should."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.reliability import attempt
from benchmarks.reliability.attempt import outcome
from benchmarks.reliability.kinds import KINDS, WHOLE, Case, kind
from benchmarks.reliability.page import page_of, write_page
from benchmarks.reliability.run import OUTCOMES, benchmark_reliability, report_of
from encnet.system.errors import InputError


@pytest.mark.parametrize(
    ("name", "number"), [("checkpoints", 25), ("arguments", 25), ("converted", 6), ("descriptions", 20)]
)
def test_a_few_cases_are_refused_or_accepted(
    name: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sound").mkdir()
    kind(name).prepare(tmp_path / "sound")
    for index in range(number):
        case = attempt._made(name, 100, index, tmp_path / "sound", tmp_path / "case")
        became, message = outcome(case)
        assert became in ("refused", "accepted"), f"{case.name}: {message}"


def test_what_is_no_refusal_is_a_failure(tmp_path: Path) -> None:
    def raises(error: BaseException) -> Case:
        def fail() -> None:
            raise error

        return Case("x", fail)

    assert outcome(raises(KeyError("a")))[0] == "traceback"
    assert outcome(raises(RuntimeError("DefaultCPUAllocator: can't allocate memory")))[0] == "memory"
    assert outcome(Case("x", lambda: "it is damaged"))[0] == "refused"
    assert outcome(Case("x", lambda: None))[0] == "accepted"
    words = ["predict", "missing.safetensors", "missing.png"]
    assert outcome(Case("x", attempt.command(words, tmp_path / "out")))[0] == "refused"
    assert outcome(Case("x", attempt.command(words, tmp_path)))[0] == "traceback"  # it leaves a folder
    assert outcome(Case("x", attempt.command(words, lines=0)))[0] == "traceback"


def test_counts_and_failures_are_written(tmp_path: Path) -> None:
    results = [{"index": i, "case": "c", "outcome": o, "message": ""} for i, o in enumerate(("refused", "died"))]
    report = report_of("checkpoints", 3, 2, results)
    assert report["counts"] == {**dict.fromkeys(OUTCOMES, 0), "tried": 2, "refused": 1, "died": 1}
    assert report["failures"] == [results[1]]
    (tmp_path / "checkpoints.json").write_text(json.dumps(report))
    page = page_of(tmp_path)
    assert "| checkpoints | 2 | 1 | 0 | 0 | 0 | 1 |" in page
    assert "--kinds [checkpoints] --number 2 --seed 3" in page
    assert "## Fuzzing" not in page


def test_the_page_tells_of_fuzzing_and_of_hours_of_work(tmp_path: Path) -> None:
    reader = {"meaning": "CVAT's XML", "minutes": 2.5, "tried": 700, "kept": 40, "findings": ["KeyError-cvat-3"]}
    (tmp_path / "page").mkdir()
    (tmp_path / "page/fuzz.json").write_text(json.dumps({"readers": {"cvat": {**reader, "died": 1}}}))
    part = {"done": 90, "failed": 0, "status": 143, "ended": True, "before": 800.0, "after": 808.0}
    ended = {**part, "ended": False, "status": 2, "after": None}
    parts = {"training": part, "prediction": ended, "page": part}
    (tmp_path / "page/soak.json").write_text(
        json.dumps({"hours": 2, "dataset": "camvid", "recipe": "own_data_small", "parts": parts})
    )
    page = write_page(tmp_path / "page.md").read_text()
    assert "| CVAT's XML | 2.5 | 700 | 40 | 1 | 1 |" in page
    assert "| training | 90 | 0 | 800 MB | 808 MB | +1.0 % | yes |" in page
    assert "| prediction | 90 | 0 | 800 MB |  |  | no |" in page


def test_unknown_kinds_and_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no kind 'weather'"):
        benchmark_reliability(tmp_path / "page.md", ["weather"])
    with pytest.raises(InputError, match="number is 0"):
        benchmark_reliability(tmp_path / "page.md", number=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in KINDS if name not in WHOLE])
def test_cases_run_in_processes_with_little_memory(name: str, tmp_path: Path) -> None:
    benchmark_reliability(tmp_path / "page.md", [name], number=30 if name != "signals" else 8, seed=7)
    report = json.loads((tmp_path / f"page/{name}.json").read_text())
    assert report["counts"]["tried"] == (30 if name != "signals" else 8)
    assert report["failures"] == []
