"""Labelled examples: what the labels are, that splits share nothing, and that nothing is labelled twice."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pydantic import ValidationError

from evaluators.errors import DataError
from evaluators.quality import examples
from evaluators.quality.examples import load_labelled_data
from evaluators.quality.label_options import EXAMPLE_SAMPLES, LabelOptions
from evaluators.speech import scoring
from evaluators.speech.clip_scores import Score
from evaluators.speech.corpus import load_speech_data
from evaluators.speech.signal_metrics import pesq_wide_band
from evaluators.system import Context

SMALL = {"training_examples": 4, "calibration_examples": 3, "validation_examples": 3, "test_examples": 3}


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    """Score in this process: starting others takes longer than what they would do."""
    monkeypatch.setattr(scoring, "default_workers", lambda: scoring.ALONE)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def options(toy_recordings):
    return LabelOptions(clean=str(toy_recordings / "clean"), noise=str(toy_recordings / "noise"), **SMALL)


@pytest.fixture
def data(options, cache):
    return load_labelled_data(options, Context(cache))


def test_labels_are_pesq_of_what_is_heard_against_clean_speech(data, options, cache):
    speech = load_speech_data(options.speech, Context(cache))
    n_plain = 0
    for k, name in enumerate(data.training.names):
        noisy, clean = speech.training.example(k)
        heard = data.training.waveforms[k]
        assert data.training.labels[k] == pytest.approx(pesq_wide_band(clean, heard), abs=1e-6)
        if "suppressor" not in name:
            n_plain += 1
            np.testing.assert_allclose(heard, noisy, atol=0.5 / 32768 + 1e-7)
    assert 0 < n_plain < 4


def test_shapes_and_ranges(data):
    assert [len(part) for part in (data.training, data.calibration, data.validation, data.test)] == [4, 3, 3, 3]
    for part in data.parts.values():
        assert part.waveforms.shape == (len(part), EXAMPLE_SAMPLES)
        assert part.waveforms.dtype == part.labels.dtype == np.float32
        assert np.isfinite(part.waveforms).all()
        assert ((part.labels >= 1) & (part.labels <= 4.65)).all()
        # A file of 16-bit samples holds the same sound.
        np.testing.assert_array_equal(part.waveforms * 32768, np.rint(part.waveforms * 32768))
    assert len({name for part in data.parts.values() for name in part.names}) == 13
    assert data.left_out == "none"
    assert "4 train, 3 calibration, 3 validation, 3 test examples of 5 s" in data.description


def test_splits_hear_other_speakers_and_noises(options, cache, monkeypatch):
    heard = {}
    seen = examples._mixtures
    monkeypatch.setattr(examples, "_mixtures", lambda speech, split: heard.setdefault(split, seen(speech, split)))
    load_labelled_data(options, Context(cache, fresh=True))
    for part in ("clean", "noise"):
        sources = {split: set(getattr(mixtures, part).by_source) for split, mixtures in heard.items()}
        assert sources["train"] == sources["calibration"]
        assert not sources["train"] & sources["validation"]
        assert not (sources["train"] | sources["validation"]) & sources["test"]
    assert len({mixtures.seed for mixtures in heard.values()}) == 4


def test_nothing_is_labelled_twice(data, options, cache, monkeypatch):
    monkeypatch.setattr(examples, "_labelled", lambda *_: pytest.fail("labelled again"))
    again = load_labelled_data(options, Context(cache))
    assert again.fingerprint == data.fingerprint
    np.testing.assert_array_equal(again.test.waveforms, data.test.waveforms)
    np.testing.assert_array_equal(again.test.labels, data.test.labels)


def test_an_interrupted_labelling_scores_no_example_again(options, tmp_path, monkeypatch):
    whole = load_labelled_data(options, Context(tmp_path / "cache"))
    for path in (tmp_path / "cache" / "quality" / "examples").glob("*.json"):
        path.unlink()
    monkeypatch.setattr(scoring, "score_clip", lambda *_: pytest.fail("scored again"))
    resumed = load_labelled_data(options, Context(tmp_path / "cache"))
    for split, part in whole.parts.items():
        np.testing.assert_array_equal(part.labels, resumed.parts[split].labels)
        np.testing.assert_array_equal(part.waveforms, resumed.parts[split].waveforms)


def test_more_test_examples_leave_training_alone(data, options, cache):
    more = load_labelled_data(options.model_copy(update={"test_examples": 4}), Context(cache))
    assert more.training_fingerprint == data.training_fingerprint
    assert more.fingerprint != data.fingerprint
    np.testing.assert_array_equal(more.test.waveforms[:3], data.test.waveforms)


@pytest.mark.parametrize("changed", [{"lowest_snr_db": -5.0}, {"split_seed": 1}, {"degraded_share": 1.0}])
def test_other_settings_are_other_data(data, options, cache, changed):
    other = options.model_copy(update=changed)
    context = Context(cache)
    speech = load_speech_data(other.speech, context)
    before = load_speech_data(options.speech, context)
    assert examples._key(other, speech, "train") != examples._key(options, before, "train")


def test_examples_that_pesq_cannot_score_are_left_out_and_counted(options, tmp_path, monkeypatch):
    scores = iter([Score(None, "the clean signal is silent"), Score(1.0, "not scored within 120 s")])
    scored = scoring.score_clip
    monkeypatch.setattr(
        scoring, "score_clip", lambda *given: {"pesq": score} if (score := next(scores, None)) else scored(*given)
    )
    data = load_labelled_data(options, Context(tmp_path / "cache"))
    assert len(data.training) == 2
    assert data.training.waveforms.shape == (2, EXAMPLE_SAMPLES)
    assert data.left_out.startswith("2 examples without a label: train 0: ")
    assert "the clean signal is silent" in data.left_out


def test_equal_labels_are_an_error(options, tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "score_clip", lambda *_: {"pesq": Score(1.5)})
    with pytest.raises(DataError, match="all labels of train are equal: nothing can be learned or correlated"):
        load_labelled_data(options, Context(tmp_path / "cache"))


def test_no_labels_are_an_error_with_the_reason(options, tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "score_clip", lambda *_: {"pesq": Score(None, "PESQ finds no speech")})
    with pytest.raises(DataError, match=r"0 of the train examples have a label.*PESQ finds no speech"):
        load_labelled_data(options, Context(tmp_path / "cache"))


def test_damaged_examples_are_told(data, cache, options):
    path = next((cache / "quality" / "examples").glob("*.json"))
    content = path.read_text()
    try:
        path.write_text(json.dumps({**json.loads(content), "labels": [1.0]}))
        with pytest.raises(DataError, match=r"cannot be read: 1 labels for an array.*Delete it and"):
            load_labelled_data(options, Context(cache))
    finally:
        path.write_text(content)


def test_missing_weights_are_told(options, cache, tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        load_labelled_data(options.model_copy(update={"suppressor_weights": tmp_path / "no.npz"}), Context(cache))


def test_impossible_options():
    with pytest.raises(ValidationError, match="lowest_snr_db must not be above highest_snr_db"):
        LabelOptions(lowest_snr_db=10.0, highest_snr_db=0.0)
    with pytest.raises(ValidationError, match="greater than or equal to 3"):
        LabelOptions(test_examples=2)
