"""What is kept over runs: measurements whole, with their clips; lines of before clips were kept still count."""

from __future__ import annotations

from pathlib import Path

from evaluators.system import Measurement
from search.evaluation_cache import EvaluationCache

CONFIGURATION = {"exits.placement": "fc1"}
CLIPS = ({"clip": "a", "pesq": 1.5}, {"clip": "b", "pesq": None, "reasons": "pesq: too short"})
MEASURED = Measurement({"pesq": 1.5}, {"reach.fc1": 1.0}, {"pesq": 0.1}, CLIPS)


def test_a_measurement_is_kept_with_its_clips(tmp_path: Path) -> None:
    EvaluationCache(tmp_path, "a system").put([(CONFIGURATION, "test", 1.0, MEASURED)])
    kept = EvaluationCache(tmp_path, "a system")
    assert kept.get(CONFIGURATION, "test", 1.0) == MEASURED
    assert kept.get(CONFIGURATION, "validation", 1.0) is None
    assert EvaluationCache(tmp_path, "a system", is_fresh=True).get(CONFIGURATION, "test", 1.0) is None


def test_a_line_without_clips_is_read(tmp_path: Path) -> None:
    plain = Measurement({"pesq": 1.5})
    EvaluationCache(tmp_path, "a system").put([(CONFIGURATION, "test", 1.0, plain)])
    (file,) = tmp_path.iterdir()
    file.write_text(file.read_text().replace(',"clips":[]', ""))
    assert "clips" not in file.read_text()
    assert EvaluationCache(tmp_path, "a system").get(CONFIGURATION, "test", 1.0) == plain
