"""What enhancers share: the bench they are measured on, streams, files, and the updates of a training."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch import nn

from evaluators.enhancement.bench import SCORES_FILE, SpeechBench
from evaluators.enhancement.export import framing, write_network
from evaluators.enhancement.illustration import given_sounds, shown_clips
from evaluators.enhancement.options import EnhancerOptions
from evaluators.enhancement.streaming import MaskStream, enhance_stream
from evaluators.speech.clip_scores import Score
from evaluators.speech.frames import N_BINS
from evaluators.speech.score_cache import ScoreCache
from evaluators.speech.score_tables import ScoreTable
from evaluators.speech.signal_metrics import si_sdr_db
from evaluators.speech.sound import Samples
from evaluators.speech.stft import Spectrum, spectrum
from evaluators.system import Context
from evaluators.training.options import UpdateOptions
from evaluators.training.updates import UpdateTrainer, seeded

PUBLISHED = {"label": "other", "metrics": {"si_sdr_db": 9.5, "mmacs_per_second": 3.0}}


@pytest.fixture
def bench(recordings: Path, tmp_path: Path) -> SpeechBench:
    data = {
        "clean": str(recordings / "clean"),
        "noise": str(recordings / "noise"),
        **{f"{split}_clips": 4 for split in ("calibration", "validation", "test")},
    }
    options = EnhancerOptions.model_validate({"data": data, "scores": ["si_sdr_db"], "references": [PUBLISHED]})
    made = SpeechBench(options, tmp_path, ["mmacs_per_second"])
    made.prepare(Context(tmp_path / "cache"))
    return made


def test_a_fidelity_takes_the_first_clips_and_transforms_each_once(bench: SpeechBench) -> None:
    # 0.6 of 4 clips, rounded up
    some, whole = bench.utterances("validation", 0.6), bench.utterances("validation")
    assert (len(some), len(whole)) == (3, 4)
    assert all(one is other for one, other in zip(some, whole, strict=False))
    assert some[0].spectra is whole[0].spectra
    torch.testing.assert_close(some[0].spectra, spectrum(torch.tensor(some[0].clip.noisy)), atol=0, rtol=0)


def test_noisy_speech_takes_no_work(bench: SpeechBench) -> None:
    noisy = bench.noisy("test")
    expected = np.mean([si_sdr_db(u.clip.clean, u.clip.noisy) for u in bench.utterances("test")])
    assert noisy.measurement.metrics == {"si_sdr_db": pytest.approx(expected, abs=1e-5), "mmacs_per_second": 0.0}
    assert noisy.costs["macs"] == 0
    assert set(noisy.measurement.metrics) == set(bench.metrics)


def test_known_scores_are_read_once_and_what_others_add_is_seen(
    bench: SpeechBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bench.noisy("test").measurement.metrics["si_sdr_db"]
    kept = tmp_path / "cache" / SCORES_FILE
    n_lines = len(kept.read_text().splitlines())

    def refuse(*_: object) -> None:
        raise AssertionError("the file was read again")

    with monkeypatch.context() as patched:
        patched.setattr(ScoreCache, "__init__", refuse)
        assert bench.noisy("test").measurement.metrics["si_sdr_db"] == first
    lines = [json.loads(line) for line in kept.read_text().splitlines()]
    assert len(lines) == n_lines
    with kept.open("a") as file:
        file.writelines(json.dumps([name, value + 1, reason]) + "\n" for name, value, reason in lines)
    assert bench.noisy("test").measurement.metrics["si_sdr_db"] == pytest.approx(first + 1)


def test_published_figures_are_of_test(bench: SpeechBench) -> None:
    (quoted,) = bench.published("test")
    assert (quoted.label, quoted.measurement.metrics) == ("other", PUBLISHED["metrics"])
    assert bench.published("validation") == []


def test_a_bench_travels_without_what_only_training_needs(bench: SpeechBench) -> None:
    bench.utterances("validation")
    travelled = pickle.loads(pickle.dumps(bench))
    assert travelled.data.training is None
    assert travelled._utterances == {}
    assert travelled.utterances("test")[2].clip.name == bench.utterances("test")[2].clip.name
    assert travelled.noisy("test") == bench.noisy("test")


def test_scores_that_differ_in_their_last_bits_have_the_same_mean() -> None:
    one, other = ([{"pesq": Score(2.1 + e)}, {"pesq": Score(1.7 - e)}] for e in (0.0, 3e-8))
    tables = [ScoreTable(["a", "b"], scores) for scores in (one, other)]
    assert tables[0].means() == tables[1].means() == {"pesq": 1.9}
    # Deviation of 2.1 and 1.7 with n - 1: 0.2 * sqrt(2); over sqrt(2) clips
    assert tables[0].standard_errors() == tables[1].standard_errors() == {"pesq": 0.2}


class Halving(MaskStream):
    """Gains of one half."""

    def mask(self, spectrum: Spectrum) -> Samples:
        return np.full(N_BINS, 0.5, dtype=np.float32)


@pytest.mark.parametrize("n_samples", [1, 256, 1000])
def test_a_stream_gives_the_sound_back_without_its_delay(n_samples: int) -> None:
    samples = np.random.default_rng(0).standard_normal(n_samples).astype(np.float32)
    np.testing.assert_allclose(enhance_stream(Halving(), samples), samples / 2, atol=1e-5)


def test_what_is_shown_is_short_and_as_it_is(bench: SpeechBench) -> None:
    clips = shown_clips(bench.data.evaluation["test"])
    assert [len(clip.noisy) for clip in clips] == [16_000] * 3
    assert [sound.title for sound in given_sounds(clips[0])] == ["noisy", "clean"]


def test_the_files_of_a_network(tmp_path: Path) -> None:
    write_network(tmp_path, {"w": torch.eye(2).T}, {"framing": framing("magnitude")}, {"x": np.arange(3)})
    np.testing.assert_array_equal(load_file(tmp_path / "weights.safetensors")["w"], np.eye(2))
    stored = json.loads((tmp_path / "network.json").read_text())["framing"]
    assert (stored["hop_samples"], stored["features"]) == (256, "magnitude")
    np.testing.assert_array_equal(load_file(tmp_path / "test_vectors.safetensors")["x"], [0, 1, 2])


@dataclass(frozen=True)
class Numbered:
    """Examples that say which they are."""

    def example(self, index: int) -> tuple[Samples, Samples]:
        return np.full(1, index, np.float32), np.zeros(1, np.float32)


class Constant(UpdateTrainer[nn.Linear]):
    """A gradient of 1 for every weight."""

    def _update(self, number: int) -> Mapping[str, float]:
        heard = self._batch(number).noisy[:, 0].tolist()
        self._step(self.network.weight.sum() + self.network.bias.sum(), 0.1)
        return {"first": heard[0], "last": heard[-1]}


def test_updates_follow_the_peak_of_each_parameter() -> None:
    options = UpdateOptions(epochs=1, updates_per_epoch=2, batch_size=3, gradient_clip=100.0)
    peaks = {"weight": 0.01, "bias": 0.0}
    network = seeded(lambda: nn.Linear(2, 1), 0)
    weight, bias = network.weight.detach().clone(), network.bias.detach().clone()
    trainer = Constant(network, Numbered(), options, "cpu", peaks.__getitem__)
    # Batches of 0, 1, 2 and 3, 4, 5
    assert trainer.run_epoch() == {"first": 1.5, "last": 3.5}
    # At the end of the warm-up, Adam's steps are as large as the peak, whatever the gradient.
    torch.testing.assert_close(network.weight, weight - 2 * 0.01, atol=1e-5, rtol=0)
    torch.testing.assert_close(network.bias, bias, atol=0, rtol=0)
    assert torch.equal(seeded(lambda: nn.Linear(2, 1), 0).weight, weight)
    assert not torch.equal(seeded(lambda: nn.Linear(2, 1), 1).weight, weight)


def test_who_only_checks_a_study_imports_no_torch() -> None:
    program = (
        "import sys; from pathlib import Path; from evaluators.registry import create_system\n"
        "for name in ('nsnet2_exits', 'conv_fsenet'): create_system(name, {}, Path()).knobs()\n"
        "assert not {'torch', 'scipy'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
