"""What is played is what was measured, and what is drawn is where frames left."""

from __future__ import annotations

import io

import numpy as np
import torch
from nsnet2_cases import padded_features, random_heads, sounds, tiny

from evaluators.enhancement.illustration import MAX_SECONDS
from evaluators.illustrations import Sound, Steps
from evaluators.nsnet2.illustration import illustrate_routes
from evaluators.nsnet2.inference import run_routes
from evaluators.nsnet2.preparation import PreparedNsNet2
from evaluators.nsnet2.routes import Route
from evaluators.nsnet2.shape import EXITS
from evaluators.speech.evaluation_sets import EvaluationClip
from evaluators.speech.stft import log_power, spectrum, waveform


def decoded(sound: Sound) -> np.ndarray:
    import soundfile

    samples, rate_hz = soundfile.read(io.BytesIO(sound.content), dtype="float32")
    assert rate_hz == 16000
    return samples


def test_clips_are_played_and_exits_drawn():
    network = tiny()
    noisy = [0.1 * sound for sound in sounds(70000, 9000)]
    heads = random_heads(network, padded_features(noisy)[0])
    clips = [EvaluationClip(f"clip {k}", s.numpy(), 0.5 * s.numpy()) for k, s in enumerate(noisy)]
    route = Route((("fc1", 0.5), ("gru1", 0.5)), "final")
    found = illustrate_routes(PreparedNsNet2(network, heads, ""), clips, [route, Route((), "gru1")])
    played = [s for s in found if isinstance(s, Sound) and s.example == "clip 0"]
    assert [(s.title, s.of) for s in played] == [
        ("noisy", None),
        ("clean", None),
        *((f"fixed exit {exit_}", None) for exit_ in EXITS),
        ("", 0),
        ("", 1),
    ]
    heard = noisy[0][: round(MAX_SECONDS * 16000)]
    np.testing.assert_allclose(decoded(played[0]), heard, atol=2**-15)
    # The fixed exit and the route that is nothing else sound alike, and like the network's own mask.
    assert played[3].content == played[-1].content
    spectra = spectrum(heard)
    with torch.no_grad():
        mask = network.all_masks(log_power(spectra)[None])["gru1"][0]
    np.testing.assert_allclose(decoded(played[-1]), waveform(spectra * mask, len(heard)), atol=2**-14)
    steps = [s for s in found if isinstance(s, Steps)]
    assert [s.of for s in steps] == [0, 1]
    assert set(steps[1].values) == {1}
    assert len(steps[0].values) == len(spectra)
    counted = run_routes(network, heads, [route], log_power(spectra), [len(spectra)]).n_leaving(0)
    assert {EXITS[v]: list(steps[0].values).count(v) for v in set(steps[0].values)} == counted
    assert len(counted) == 3, "the heads scatter frames over all exits"
