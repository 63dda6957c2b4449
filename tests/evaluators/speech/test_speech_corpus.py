"""What a study says about its data, and that no split hears what another was trained on."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from pydantic import ValidationError

from evaluators.errors import DataError
from evaluators.speech import corpus
from evaluators.speech.built_in import built_in_noise, built_in_speech
from evaluators.speech.corpus import load_speech_data
from evaluators.speech.data_options import SpeechDataOptions
from evaluators.speech.mixtures import batch
from evaluators.system import Context

pytest.importorskip("soundfile")
pytest.importorskip("soxr")


@pytest.fixture
def context(tmp_path):
    return Context(tmp_path / "cache")


@pytest.fixture
def clean(write, tone, tmp_path):
    """Ten speakers, two utterances each, told apart by pitch."""
    for speaker in range(10):
        for take in range(2):
            write(f"clean/s{speaker}_{take}.wav", tone(200.0 + 20 * speaker))
    return tmp_path / "clean"


@pytest.fixture
def noise(write, tmp_path):
    rng = np.random.default_rng(0)
    for k in range(10):
        write(f"noise/n{k}.wav", 0.1 * rng.standard_normal(32000))
    return tmp_path / "noise"


@pytest.fixture
def pairs(write, tone, tmp_path):
    for speaker in range(5):
        for half in ("clean", "noisy"):
            write(f"pairs/{half}/p{speaker}_1.wav", tone(1000.0 + 100 * speaker))
    return tmp_path / "pairs"


def options(**given):
    return SpeechDataOptions(**{name: str(value) if name != "mixing" else value for name, value in given.items()})


def test_splits_share_neither_speakers_nor_noises(clean, noise, context):
    data = load_speech_data(options(clean=clean, noise=noise), context)
    parts = {"train": data.training, "validation": data.evaluation["validation"], "test": data.evaluation["test"]}
    for one, other in combinations(parts.values(), 2):
        assert not set(one.clean.by_source) & set(other.clean.by_source)
        assert not set(one.noise.by_source) & set(other.noise.by_source)
    assert [len(part.clean.by_source) for part in parts.values()] == [8, 1, 1]
    calibration = data.evaluation["calibration"]
    assert set(calibration.clean.by_source) == set(data.training.clean.by_source)
    assert [len(data.evaluation[split]) for split in ("calibration", "validation", "test")] == [20, 40, 40]


def test_same_options_same_data(clean, noise, context):
    one, other = (load_speech_data(options(clean=clean, noise=noise), context) for _ in range(2))
    assert one.fingerprint == other.fingerprint
    np.testing.assert_array_equal(batch(one.training, range(3)).noisy, batch(other.training, range(3)).noisy)
    for split, clips in one.evaluation.items():
        np.testing.assert_array_equal(clips[1].noisy, other.evaluation[split][1].noisy)


def test_clips_to_measure_on_do_not_change_what_is_trained_on(clean, noise, context):
    given = options(clean=clean, noise=noise)
    more = given.model_copy(update={"validation_clips": 7, "max_clip_seconds": 3.0})
    other_mixing = given.model_copy(update={"mixing": given.mixing.model_copy(update={"highest_snr_db": 10.0})})
    one, clips, mixing = (load_speech_data(o, context) for o in (given, more, other_mixing))
    assert one.training_fingerprint == clips.training_fingerprint != mixing.training_fingerprint
    assert len({one.fingerprint, clips.fingerprint, mixing.fingerprint}) == 3


def test_seed_changes_everything(clean, noise, context):
    one = load_speech_data(options(clean=clean, noise=noise), context)
    other = load_speech_data(SpeechDataOptions(clean=str(clean), noise=str(noise), split_seed=1), context)
    assert one.fingerprint != other.fingerprint
    assert one.evaluation["validation"][0].name != other.evaluation["validation"][0].name
    assert not np.array_equal(one.training.example(0)[0], other.training.example(0)[0])


def test_description_counts(clean, noise, context):
    data = load_speech_data(options(clean=clean, noise=noise), context)
    assert data.description == (
        "clean speech: 20 clips of 10 speakers, 0.3 min; recorded noise: 10 clips of 10 sources, 0.3 min"
    )


def test_pairs_for_test_leave_all_speakers_to_the_others(clean, noise, pairs, context):
    data = load_speech_data(options(clean=clean, noise=noise, test_pairs=pairs), context)
    assert [clip.name for clip in data.evaluation["test"]] == [f"clean/p{k}_1.wav" for k in range(5)]
    assert len(data.training.clean.by_source) == 9
    assert data.description.endswith("; test: 5 pairs of 5 speakers, 0.1 min of pairs")


def test_pairs_alone(pairs, context):
    data = load_speech_data(options(pairs=pairs), context)
    speakers = [
        set(part.clean.by_source) for part in (data.training, data.evaluation["validation"], data.evaluation["test"])
    ]
    assert [len(part) for part in speakers] == [3, 1, 1]
    assert len(set.union(*speakers)) == 5
    assert len(data.evaluation["validation"]) == 1


def test_what_was_left_out_is_told(write, clean, noise, context):
    write("clean/s3_9.wav", np.zeros(16000))
    data = load_speech_data(options(clean=clean, noise=noise), context)
    assert [note.file for note in data.skipped] == ["clean/s3_9.wav"]
    assert data.left_out.startswith("1 left out: clean/s3_9.wav: is silent")


def test_built_in_is_the_default(context, monkeypatch, clean, noise):
    asked = []
    monkeypatch.setattr(
        corpus, "built_in_speech", lambda context: asked.append("speech") or corpus.read_speech([clean], context)
    )
    monkeypatch.setattr(
        corpus, "built_in_noise", lambda context: asked.append("noise") or corpus.read_noise([noise], context)
    )
    data = load_speech_data(SpeechDataOptions(), context)
    assert asked == ["speech", "noise"]
    assert data.description.startswith("synthesized speech: 20 clips")


def test_too_few_speakers(write, tone, noise, tmp_path, context):
    for name in ("clip_1.wav", "clip_2.wav"):
        write(f"clean/{name}", tone())
    with pytest.raises(DataError, match=r"1 speakers \(clip\) cannot be split .* by a pattern which files belong"):
        load_speech_data(options(clean=tmp_path / "clean", noise=noise), context)


def test_one_folder_for_two_ends(clean, pairs, context):
    with pytest.raises(DataError, match="different folders for clean speech and noise"):
        load_speech_data(options(clean=clean, noise=clean), context)
    with pytest.raises(DataError, match="different folders for clean speech and pairs for test"):
        load_speech_data(options(clean=pairs / "clean", test_pairs=pairs), context)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"pairs": "a", "clean": "b"}, "pairs stand instead of clean and noise"),
        ({"speaker_pattern": "reader_("}, "is not a regular expression"),
        ({"speaker_pattern": r"reader_\d+"}, "has no group"),
        ({"clean": []}, "at least 1 item"),
        ({"snr": 3}, "Extra inputs"),
        ({"test_clips": 0}, "greater than or equal to 1"),
    ],
)
def test_impossible_options(given, message):
    with pytest.raises(ValidationError, match=message):
        SpeechDataOptions(**given)


def test_relative_folders_start_from_the_study_else_from_the_data(tmp_path, monkeypatch):
    (tmp_path / "study" / "mine").mkdir(parents=True)
    monkeypatch.setenv("TINYPARETO_DATA", str(tmp_path / "data"))
    given = SpeechDataOptions(clean=["mine", "shared"], noise="/absolute", test_pairs="shared/pairs")
    found = given.resolved(tmp_path / "study")
    assert found.clean == (tmp_path / "study" / "mine", tmp_path / "data" / "shared")
    assert [str(path) for path in found.noise] == ["/absolute"]
    assert found.test_pairs == tmp_path / "data" / "shared" / "pairs"
    assert found.pairs is None
    monkeypatch.delenv("TINYPARETO_DATA")
    assert given.resolved(tmp_path / "study").test_pairs == tmp_path / "study" / "shared" / "pairs"


def test_real_recordings(real_data, tmp_path):
    given = SpeechDataOptions(
        clean=str(real_data / "speech_barista"),
        noise=[str(real_data / "noise_kitchen_ambience"), str(real_data / "noise_nonspeech100")],
        test_pairs=str(real_data / "pairs_voicebank_demand"),
    )
    data = load_speech_data(given, Context(tmp_path))
    assert not data.skipped
    assert data.left_out == "none"
    assert len(data.evaluation["test"]) == 40
    examples = batch(data.training, range(8))
    assert np.isfinite(examples.noisy).all()
    assert np.abs(examples.noisy).max() <= 1.0


@pytest.mark.slow
def test_built_in_data_are_enough_to_train_on(tmp_path):
    pytest.importorskip("espeakng_loader")
    context = Context(tmp_path)
    data = load_speech_data(SpeechDataOptions(), context)
    assert built_in_speech(context).seconds > 20 * 60
    kinds = set(built_in_noise(context).kinds.values())
    assert set(data.evaluation["validation"].noise.kinds.values()) == kinds
    assert set(data.evaluation["test"].noise.kinds.values()) == kinds
