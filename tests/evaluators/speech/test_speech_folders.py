"""Folders of recordings: who is heard where, what is left out and why, and that nothing is decoded twice."""

from __future__ import annotations

import os

import numpy as np
import pytest

from evaluators.errors import DataError
from evaluators.speech import folders
from evaluators.speech.catalog import NOISES, SPEAKERS, Naming, check_apart, find_recordings
from evaluators.speech.folders import listed, read_noise, read_pairs, read_speech
from evaluators.system import Context

pytest.importorskip("soundfile")
pytest.importorskip("soxr")


@pytest.fixture
def context(tmp_path):
    return Context(tmp_path / "cache")


def sources(folder, naming):
    return [entry.source for entry in find_recordings(folder, naming)[0]]


@pytest.mark.parametrize(
    ("name", "speaker"),
    [("19-198-0000.flac", "19"), ("p232_001.wav", "p232"), ("p225/p225_003.wav", "p225"), ("anna.wav", "anna")],
)
def test_speaker_in_the_name(write, tone, tmp_path, name, speaker):
    write(f"clean/{name}", tone())
    assert sources(tmp_path / "clean", SPEAKERS) == [speaker]


def test_pattern_of_the_users_own(write, tone, tmp_path):
    write("clean/book_00_reader_06709_0.wav", tone())
    write("clean/stray.wav", tone())
    found, skipped = find_recordings(tmp_path / "clean", Naming((), r"reader_(\d+)"))
    assert [entry.source for entry in found] == ["06709"]
    assert [(note.file, note.text) for note in skipped] == [
        ("clean/stray.wav", r"the name does not match reader_(\d+)")
    ]


def test_index_says_who_speaks(write, tone, tmp_path):
    for name in ("a.wav", "b.wav", "new.wav"):
        write(f"clean/{name}", tone())
    (tmp_path / "clean" / "index.csv").write_text("file,speaker,class\na.wav,ann,f\nb.wav,,m\nold.wav,bob,m\n")
    found, skipped = find_recordings(tmp_path / "clean", SPEAKERS)
    assert [(entry.name, entry.source, entry.kind) for entry in found] == [("clean/a.wav", "ann", "f")]
    assert {note.file: note.text for note in skipped} == {
        "clean/b.wav": "has no speaker in index.csv",
        "clean/old.wav": "is listed in index.csv, but not there",
        "clean/new.wav": "is not listed in index.csv",
    }


def test_index_without_sources_still_gives_kinds(write, tone, tmp_path):
    write("noise/crowd__n1.wav", tone())
    (tmp_path / "noise" / "index.csv").write_text("file,class\ncrowd__n1.wav,crowd\n")
    (entry,), _ = find_recordings(tmp_path / "noise", NOISES)
    assert (entry.source, entry.kind) == ("crowd__n1", "crowd")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name,speaker\na.wav,x\n", r"index\.csv:1: has no column `file`"),
        (b"file,speaker\n\xff\xfe,x\n", r"index\.csv: cannot be read"),
        (b"", r"index\.csv:1: has no column `file`"),
    ],
)
def test_bad_index(write, tone, tmp_path, content, message):
    write("clean/a.wav", tone())
    (tmp_path / "clean" / "index.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        find_recordings(tmp_path / "clean", SPEAKERS)


def test_missing_and_empty_folders(tmp_path):
    with pytest.raises(DataError, match="gone: there is no such folder"):
        find_recordings(tmp_path / "gone", SPEAKERS)
    (tmp_path / "notes.txt").write_text("nothing to hear")
    with pytest.raises(DataError, match="there are no WAV or FLAC files"):
        find_recordings(tmp_path, SPEAKERS)


@pytest.mark.parametrize(("one", "other"), [("a", "a"), ("a", "a/b"), ("a/b", "a"), ("a", "link")])
def test_folders_must_be_apart(tmp_path, one, other):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    with pytest.raises(DataError, match="Expected: different folders for clean speech and noise"):
        check_apart([tmp_path / one], [tmp_path / other], "clean speech and noise")


def test_folders_beside_each_other_are_apart(tmp_path):
    check_apart([tmp_path / "a"], [tmp_path / "ab"], "this and that")


def test_bad_files_among_good_ones_are_left_out_by_name(write, tone, tmp_path, context):
    write("clean/a_1.wav", tone())
    write("clean/b_1.wav", np.zeros(16000))
    write("clean/c_1.wav", tone()).write_bytes(b"RIFF")
    recordings = read_speech([tmp_path / "clean"], context)
    assert [clip.name for clip in recordings.clips] == ["clean/a_1.wav"]
    text = listed(recordings.skipped, "left out")
    assert text.startswith("2 left out: clean/b_1.wav: is silent.")
    assert "clean/c_1.wav: cannot be read" in text


def test_nothing_usable_is_an_error(write, tmp_path, context):
    write("clean/b_1.wav", np.zeros(16000))
    with pytest.raises(DataError, match=r"no recording can be used; 1 left out: clean/b_1\.wav: is silent"):
        read_speech([tmp_path / "clean"], context)


def test_narrow_band_is_remarked_upon(write, tone, tmp_path, context):
    write("clean/a_1.wav", tone(), rate_hz=8000)
    (remark,) = read_speech([tmp_path / "clean"], context).remarks
    assert (remark.file, remark.text) == ("clean/a_1.wav", "has 8000 Hz, so nothing above 4 kHz")


def test_many_files_are_counted_not_all_listed(write, tmp_path, context):
    for k in range(9):
        write(f"clean/{k}_1.wav", np.zeros(16000))
    with pytest.raises(DataError, match=r"9 left out: .* and 4 more"):
        read_speech([tmp_path / "clean"], context)


def test_nothing_is_decoded_twice(write, tone, tmp_path, context, monkeypatch):
    write("clean/a_1.wav", tone(300.0))
    write("clean/b_1.flac", tone(500.0, seconds=2.0))
    first = read_speech([tmp_path / "clean"], context)
    monkeypatch.setattr(folders, "read_audio", lambda *_, **__: pytest.fail("was decoded"))
    again = read_speech([tmp_path / "clean"], context)
    assert again.clips == first.clips
    assert again.fingerprint == first.fingerprint
    np.testing.assert_allclose(again.samples(1), tone(500.0, seconds=2.0), atol=1 / 32768)
    assert again.seconds == pytest.approx(3.0)


def test_moved_folder_is_still_known(write, tone, tmp_path, context, monkeypatch):
    path = write("here/clean/a_1.wav", tone())
    first = read_speech([path.parent], context)
    moved = tmp_path / "there"
    (tmp_path / "here").rename(moved)
    monkeypatch.setattr(folders, "read_audio", lambda *_, **__: pytest.fail("was decoded"))
    assert read_speech([moved / "clean"], context).fingerprint == first.fingerprint


def test_changed_file_and_fresh_context_are_decoded_again(write, tone, tmp_path, context):
    path = write("clean/a_1.wav", tone(300.0))
    first = read_speech([tmp_path / "clean"], context)
    write("clean/a_1.wav", tone(301.0))
    os.utime(path, ns=(1, 1))
    changed = read_speech([tmp_path / "clean"], context)
    assert changed.fingerprint != first.fingerprint
    assert read_speech([tmp_path / "clean"], Context(context.cache, fresh=True)).fingerprint == changed.fingerprint


def test_same_sounds_elsewhere_have_the_same_fingerprint(write, tone, tmp_path, context):
    one, other = write("one/clean/a_1.wav", tone()), write("other/clean/a_1.wav", tone())
    os.utime(other, ns=(1, 1))
    assert read_speech([one.parent], context).fingerprint == read_speech([other.parent], context).fingerprint


def test_damaged_cache_is_named(write, tone, tmp_path, context):
    write("clean/a_1.wav", tone())
    read_speech([tmp_path / "clean"], context)
    (pack,) = (context.cache / "audio").glob("*.npy")
    pack.write_bytes(pack.read_bytes()[:300])
    with pytest.raises(DataError, match=rf"{pack.name}: the cached audio cannot be read: .* Delete it and"):
        read_speech([tmp_path / "clean"], context)


def test_interrupted_decoding_leaves_nothing_behind(write, tone, tmp_path, context, monkeypatch):
    write("clean/a_1.wav", tone())

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(folders, "read_audio", interrupted)
        with pytest.raises(KeyboardInterrupt):
            read_speech([tmp_path / "clean"], context)
    assert not list((context.cache / "audio").iterdir())
    assert len(read_speech([tmp_path / "clean"], context)) == 1


def test_silent_ends_of_noise_are_cut(write, tone, tmp_path, context):
    zeros = np.zeros(16000, dtype=np.float32)
    write("noise/bark.wav", np.concatenate([zeros, tone(seconds=1.0), zeros]))
    assert read_noise([tmp_path / "noise"], context).seconds == pytest.approx(1.0, abs=0.02)


def test_noise_takes_of_one_recording_are_one_source(write, tone, tmp_path, context):
    for name in ("bark__1-207-A.wav", "bark__1-207-B.wav", "rain__2-311-A.wav"):
        write(f"noise/{name}", tone())
    (tmp_path / "noise" / "index.csv").write_text(
        "file,class,freesound_id\nbark__1-207-A.wav,bark,207\nbark__1-207-B.wav,bark,207\nrain__2-311-A.wav,rain,311\n"
    )
    noise = read_noise([tmp_path / "noise"], context)
    assert {source: len(takes) for source, takes in noise.by_source.items()} == {"207": 2, "311": 1}
    assert noise.kinds == {"207": "bark", "311": "rain"}
    assert [clip.name for clip in noise.of_sources({"311"}).clips] == ["noise/rain__2-311-A.wav"]


def test_pairs(write, tone, tmp_path, context):
    for name, hz in (("p1_1.wav", 300.0), ("p2_1.wav", 500.0)):
        write(f"set/clean/{name}", tone(hz))
        write(f"set/noisy/{name}", tone(hz) + tone(2000.0, peak=0.1))
    noisy, clean = read_pairs(tmp_path / "set", context)
    assert [clip.source for clip in clean.clips] == ["p1", "p2"]
    assert [clip.source for clip in noisy.clips] == ["p1", "p2"]
    for k in range(2):
        np.testing.assert_allclose(noisy.samples(k) - clean.samples(k), tone(2000.0, peak=0.1), atol=2 / 32768)


def test_pairs_that_do_not_match_are_left_out(write, tone, tmp_path, context):
    for name in ("good_1.wav", "alone_1.wav", "short_1.wav"):
        write(f"set/clean/{name}", tone())
    for name, seconds in (("good_1.wav", 1.0), ("other_1.wav", 1.0), ("short_1.wav", 0.5)):
        write(f"set/noisy/{name}", tone(seconds=seconds))
    noisy, clean = read_pairs(tmp_path / "set", context)
    assert (len(noisy), len(clean)) == (1, 1)
    assert {note.file: note.text for note in clean.skipped} == {
        "clean/alone_1.wav": "has no counterpart in noisy",
        "noisy/other_1.wav": "has no counterpart in clean",
        "clean/short_1.wav": "has 16000 samples, its noisy counterpart 8000",
    }


def test_bad_half_takes_its_pair_along(write, tone, tmp_path, context):
    for name in ("a_1.wav", "b_1.wav"):
        write(f"set/clean/{name}", tone())
        write(f"set/noisy/{name}", tone())
    write("set/noisy/b_1.wav", np.zeros(16000))
    noisy, clean = read_pairs(tmp_path / "set", context)
    assert [clip.name for clip in noisy.clips] == ["noisy/a_1.wav"]
    assert [clip.name for clip in clean.clips] == ["clean/a_1.wav"]


def test_index_of_pairs_lies_above_both(write, tone, tmp_path, context):
    for half in ("clean", "noisy"):
        write(f"set/{half}/x.wav", tone())
    (tmp_path / "set" / "index.csv").write_text("file,speaker\nx.wav,ann\n")
    noisy, clean = read_pairs(tmp_path / "set", context)
    assert noisy.kinds == clean.kinds == {"ann": ""}


def test_pairs_need_both_folders(write, tone, tmp_path, context):
    write("set/clean/x.wav", tone())
    with pytest.raises(DataError, match=r"noisy: there is no such folder"):
        read_pairs(tmp_path / "set", context)
