"""Many outputs are scored once each, by any number of processes, whatever happens to one of them."""

from __future__ import annotations

import json
import math
import multiprocessing
from concurrent.futures import Future

import numpy as np
import pytest
from pebble import ProcessExpired

from evaluators.errors import DataError, EvaluationError
from evaluators.speech import scoring
from evaluators.speech.clip_scores import WORST, Score
from evaluators.speech.score_cache import ScoreCache, content_hash, key
from evaluators.speech.score_tables import ScoreTable
from evaluators.speech.scoring import ALONE, Scorable, Scorer, default_workers

METRICS = ("stoi", "si_sdr_db")


@pytest.fixture(scope="module")
def items():
    """Four clips of a modulated tone, in different noise."""
    rng = np.random.default_rng(0)
    seconds = np.arange(16000) / 16000
    clean = (0.3 * np.sin(2 * np.pi * 500 * seconds) * np.sin(2 * np.pi * 3 * seconds)).astype(np.float32)
    return [Scorable(clean, clean + np.float32(scale) * noise(rng)) for scale in (0.01, 0.03, 0.1, 0.3)]


def noise(rng):
    return rng.standard_normal(16000).astype(np.float32)


def counted(monkeypatch):
    """The items that are really scored, in this process."""
    scored = []
    real = scoring.score_clip

    def spy(clean, output, metrics, networks):
        scored.append(tuple(metrics))
        return real(clean, output, metrics, networks)

    monkeypatch.setattr(scoring, "score_clip", spy)
    return scored


def test_processes_give_the_same_scores_as_none(items):
    with Scorer(METRICS, ScoreCache(None), n_workers=ALONE) as alone:
        expected = alone.score(items)
    with Scorer(METRICS, ScoreCache(None), n_workers=2) as together:
        assert together.score(items) == expected
        assert together.score(items[:1]) == expected[:1]
    ratios = [scores["si_sdr_db"].value for scores in expected]
    assert ratios == sorted(ratios, reverse=True)


def test_what_was_scored_is_not_scored_again(items, tmp_path, monkeypatch):
    scored = counted(monkeypatch)
    path = tmp_path / "scores.jsonl"
    with Scorer(METRICS, ScoreCache(path), n_workers=ALONE) as scorer:
        first = scorer.score([*items, items[0]])
        assert first[-1] == first[0]
        scorer.score(items)
    assert len(scored) == len(items)
    with Scorer(METRICS, ScoreCache(path), n_workers=ALONE) as another:
        assert another.score(items) == first[:-1]
    assert len(scored) == len(items)


def test_another_metric_scores_only_what_is_missing(items, tmp_path, monkeypatch):
    scored = counted(monkeypatch)
    cache = ScoreCache(tmp_path / "scores.jsonl")
    Scorer(["stoi"], cache, n_workers=ALONE).score(items[:1])
    Scorer(METRICS, cache, n_workers=ALONE).score(items[:1])
    assert scored == [("stoi",), ("si_sdr_db",)]


def test_another_output_or_clean_signal_is_another_clip(items):
    clean, output = items[0].clean, items[0].output
    louder = np.nextafter(output, np.float32(2))
    assert len({content_hash(clean, output), content_hash(clean, louder), content_hash(output, clean)}) == 3
    assert content_hash(clean, output) == content_hash(clean.copy(), output.copy())


def test_processes_share_the_file(items, tmp_path, monkeypatch):
    path = tmp_path / "scores.jsonl"
    one, other = ScoreCache(path), ScoreCache(path)
    Scorer(METRICS, one, n_workers=ALONE).score(items)
    scored = counted(monkeypatch)
    Scorer(METRICS, other, n_workers=ALONE).score(items)
    assert not scored


def test_torn_lines_cost_no_more_than_their_scores(tmp_path):
    path = tmp_path / "scores.jsonl"
    cache = ScoreCache(path)
    cache.put({"a pesq": Score(2.0), "b pesq": Score(None, "silent")})
    path.write_bytes(path.read_bytes() + b'["c pesq", 2.')
    reader = ScoreCache(path)
    assert len(reader) == 2
    cache.put({"d pesq": Score(3.0), "e pesq": Score(4.0)})
    reader.refresh()
    # The first new line was glued to the torn one.
    assert reader.get("e pesq") == Score(4.0)
    assert reader.get("b pesq") == Score(None, "silent")
    assert reader.get("d pesq") is None
    assert all(json.loads(line) for line in path.read_text().splitlines()[:2])


@pytest.mark.parametrize(
    ("loss", "reason"),
    [
        (TimeoutError(), "not scored within 120 s"),
        (ProcessExpired("gone", code=-11), "the scoring process died with -11"),
    ],
)
def test_a_hang_or_a_crash_costs_one_score_and_is_not_kept(items, tmp_path, monkeypatch, loss, reason):
    class Pool:
        """Loses the second clip."""

        def __init__(self, **_):
            self.n = 0

        def schedule(self, function, args, timeout):
            future = Future()
            self.n += 1
            if self.n == 2:
                future.set_exception(loss)
            else:
                future.set_result(function(*args))
            return future

        def stop(self):
            pass

        join = stop

    monkeypatch.setattr(scoring, "ProcessPool", Pool)
    path = tmp_path / "scores.jsonl"
    with Scorer(METRICS, ScoreCache(path), n_workers=2) as scorer:
        scores = scorer.score(items)
    assert scores[1] == {name: Score(WORST[name], reason) for name in METRICS}
    assert not any(of_clip["stoi"].reason for k, of_clip in enumerate(scores) if k != 1)
    assert len(ScoreCache(path)) == (len(items) - 1) * len(METRICS)


def test_a_mistake_is_no_score(items):
    with Scorer(METRICS, ScoreCache(None), n_workers=1) as scorer, pytest.raises(ValueError, match="shape"):
        scorer.score([Scorable(items[0].clean, items[0].output[:-1])])


def test_progress_is_told(items):
    told = []

    class Watcher:
        def start(self, title, total, done=0):
            told.append((title, total))

        def advance(self, steps=1, note=""):
            told.append(steps)

        def finish(self):
            told.append("end")

    Scorer(METRICS, ScoreCache(None), n_workers=ALONE).score(items, Watcher())
    assert told == [("scoring speech", 4), 1, 1, 1, 1, "end"]


def test_workers_of_workers_work_alone(monkeypatch):
    assert default_workers() >= 1
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: object())
    assert default_workers() == ALONE


def test_cheap_metrics_start_no_processes(items, monkeypatch):
    monkeypatch.setattr("evaluators.speech.scoring.ProcessPool", None)
    with Scorer(["si_sdr_db"], ScoreCache(None)) as scorer:
        assert all(set(scores) == {"si_sdr_db"} for scores in scorer.score(items))


def test_unknown_metrics_and_missing_networks(tmp_path):
    with pytest.raises(ValueError, match="no speech metric 'pesk'; there are pesq, stoi, "):
        Scorer(["pesk"], ScoreCache(None))
    with pytest.raises(DataError, match=r"dnsmos_ovr needs a folder with sig_bak_ovr\.onnx"):
        Scorer(["dnsmos_ovr"], ScoreCache(None))
    with pytest.raises(DataError, match=r"model_v8\.onnx: there is no such file"):
        Scorer(["dnsmos_p808"], ScoreCache(None), dnsmos=tmp_path)


def test_other_networks_have_other_scores(items, real_data, tmp_path):
    pytest.importorskip("onnxruntime")
    cache = ScoreCache(tmp_path / "scores.jsonl")
    with Scorer(["dnsmos_ovr"], cache, dnsmos=real_data / "models" / "dnsmos", n_workers=1) as scorer:
        (scores,) = scorer.score(items[:1])
    assert 1.0 <= scores["dnsmos_ovr"].value <= 5.0
    assert cache.get(key(content_hash(items[0].clean, items[0].output), "dnsmos_ovr")) is None
    assert len(cache) == 1


def table(*values):
    return ScoreTable([f"clip {k}" for k in range(len(values))], [{"pesq": value} for value in values])


def test_means_and_standard_errors_by_hand():
    scores = table(Score(1.0), Score(2.0), Score(4.5))
    assert scores.means() == {"pesq": 2.5}
    # Deviations -1.5, -0.5, 2: variance 6.5 / 2; to five decimals.
    assert scores.standard_errors() == {"pesq": round(math.sqrt(6.5 / 2 / 3), 5)}
    assert scores.n_marked() == {}


def test_a_clip_nobody_can_score_is_left_out_and_a_bad_output_is_not():
    scores = table(Score(3.0), Score(None, "too short"), Score(1.0, "silent"))
    assert scores.means() == {"pesq": 2.0}
    assert scores.n_marked() == {"pesq": 2}
    assert scores.rows() == [
        {"clip": "clip 0", "pesq": 3.0},
        {"clip": "clip 1", "pesq": None, "reasons": "pesq: too short"},
        {"clip": "clip 2", "pesq": 1.0, "reasons": "pesq: silent"},
    ]
    json.dumps(scores.rows(), allow_nan=False)


def test_one_clip_has_no_standard_error():
    assert table(Score(3.0)).standard_errors() == {}


def test_no_scorable_clip_is_an_error():
    with pytest.raises(EvaluationError, match="pesq can score none of 2 clips; clip 0: too short"):
        table(Score(None, "too short"), Score(None, "silent")).means()
