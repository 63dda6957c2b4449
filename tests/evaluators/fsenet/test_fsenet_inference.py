"""Pruned inference: skipping is masking, hop by hop is all at once, together is one by one; ratios are met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from fsenet_cases import NONCAUSAL, TINY, clip, spectra_like, tiny
from torch import Tensor

from evaluators.enhancement.streaming import enhance_stream
from evaluators.enhancement.utterances import Utterance
from evaluators.errors import EvaluationError
from evaluators.fsenet.evaluation import portion
from evaluators.fsenet.folded import FoldedFsenet, folded
from evaluators.fsenet.inference import Fixed, Ratios, Rules, run_pruned
from evaluators.fsenet.pruning import METHODS, Method, n_kept
from evaluators.fsenet.rules import Rule, calibrated
from evaluators.fsenet.shape import FsenetShape
from evaluators.fsenet.streaming import StreamingFsenet
from evaluators.speech.stft import spectrum, waveform

N_BLOCKS = len(TINY.blocks)
MIXED: Ratios = (0.0, 0.5, 0.75, 0.25, 0.9, 0.0, 0.5, 0.75, 0.25)


def pruned_by(network: FoldedFsenet, method: Method, ratios: Ratios, n_frames: int = 300) -> Fixed:
    x = spectra_like(4, n_frames, seed=8)
    return Rules(network, method, x, torch.ones(x.shape[:2], dtype=torch.bool)).of(ratios)


def masked(network: FoldedFsenet, rules: Sequence[Rule], x: Tensor) -> Tensor:
    """The definition: everything computed, then multiplied by 0 or 1."""
    x = network.front(x).relu()
    for block, rule in zip(network.blocks, rules, strict=True):
        x = x + block.residual(x) * rule.kept(block, x)
    return network.mask(x)


@pytest.mark.parametrize("method", METHODS)
def test_skipping_equals_masking_and_streaming_equals_whole_utterances(method: Method) -> None:
    pruned = pruned_by(folded(tiny()), method, MIXED)
    network, rules = pruned.network, pruned.rules
    sound = clip(16_000).noisy
    spectra = spectrum(torch.tensor(sound))
    x = spectra.real.square().add(spectra.imag.square()).clamp_min(1e-12).log10()
    stream = StreamingFsenet(network, rules)

    skipped = np.stack([stream.mask(frame) for frame in spectra.numpy()])
    expected = masked(network, rules, x[None])[0]

    np.testing.assert_allclose(skipped, expected.numpy(), atol=1e-5)
    whole = waveform(spectra * expected, len(sound)).numpy()
    streamed = enhance_stream(StreamingFsenet(network, rules), sound)
    np.testing.assert_allclose(streamed, whole, atol=1e-5)


def test_a_stream_reads_no_filter_of_a_pruned_channel() -> None:
    pruned = pruned_by(folded(tiny()), "static_scores", (0.75,) * N_BLOCKS)
    network, rules = pruned.network, pruned.rules
    poisoned = []
    for block, rule in zip(network.blocks, rules, strict=True):
        weight = torch.where(rule.fixed[:, None], block.contract.weight, torch.nan)
        poisoned.append(replace(block, contract=replace(block.contract, weight=weight)))
    stream = StreamingFsenet(replace(network, blocks=tuple(poisoned)), rules)
    for frame in spectrum(torch.tensor(clip(3_000).noisy)).numpy():
        assert np.isfinite(stream.mask(frame)).all()
    # 13 frames (12 hops and one more), 9 blocks, a quarter of 8 channels
    assert stream.weight_rows_read == 13 * 9 * 2


def test_a_network_that_looks_ahead_cannot_stream() -> None:
    pruned = pruned_by(folded(tiny(NONCAUSAL)), "dynamic", (0.0,) * N_BLOCKS)
    with pytest.raises(EvaluationError, match="causal: true"):
        StreamingFsenet(pruned.network, pruned.rules)


@pytest.mark.parametrize("shape", [TINY, NONCAUSAL], ids=["causal", "looking ahead"])
def test_clips_padded_together_give_what_each_gives_alone(shape: FsenetShape) -> None:
    network = folded(tiny(shape))
    clips = [(0, Utterance(clip(9_000, 0))), (1, Utterance(clip(6_000, 1))), (2, Utterance(clip(16_000, 2)))]
    together = portion(clips, "log_power")
    rules = Rules(network, "dynamic", together.x, together.is_frame)
    rules.find([MIXED])
    (pruned,) = run_pruned(network, [MIXED], rules, together.x, together.is_frame)
    n_kept_alone = np.zeros((N_BLOCKS, 8), dtype=int)
    for k, numbered in enumerate(clips):
        alone = portion([numbered], "log_power")
        (one,) = run_pruned(network, [MIXED], rules, alone.x, alone.is_frame)
        n_kept_alone += np.array(one.n_kept)
        torch.testing.assert_close(pruned.mask[k, : one.mask.shape[1]], one.mask[0], atol=1e-5, rtol=1e-4)
    np.testing.assert_array_equal(pruned.n_kept, n_kept_alone)


def test_many_prunings_are_exactly_what_each_is_alone() -> None:
    network, x = folded(tiny()), spectra_like(3, 40)
    is_frame = torch.ones(x.shape[:2], dtype=torch.bool)
    wanted = [MIXED, (0.0,) * N_BLOCKS, (0.5,) * N_BLOCKS, (*MIXED[:-1], 0.5)]
    together = Rules(network, "dynamic", x, is_frame)
    together.find(wanted)
    found = {p.ratios: p for p in run_pruned(network, wanted, together, x, is_frame)}
    for ratios in wanted:
        rules = Rules(network, "dynamic", x, is_frame)
        rules.find([ratios])
        (alone,) = run_pruned(network, [ratios], rules, x, is_frame)
        assert torch.equal(found[ratios].mask, alone.mask)
        assert found[ratios].n_kept == alone.n_kept


@pytest.mark.parametrize("method", METHODS)
def test_ratios_are_met_on_calibration_data(method: Method) -> None:
    network, x = folded(tiny()), spectra_like(4, 200)
    is_frame = torch.ones(x.shape[:2], dtype=torch.bool)
    rules = Rules(network, method, x, is_frame)
    rules.find([MIXED])
    (pruned,) = run_pruned(network, [MIXED], rules, x, is_frame)
    for n, ratio in zip(pruned.n_kept, MIXED, strict=True):
        met = 1 - sum(n) / (800 * 8)
        assert met == pytest.approx(ratio if method == "dynamic" else 1 - n_kept(ratio, 8) / 8, abs=0.01)


def test_static_rules_keep_the_largest() -> None:
    network, x = folded(tiny()), spectra_like(2, 50)
    is_frame = torch.ones(x.shape[:2], dtype=torch.bool)
    block, y = network.blocks[0], network.front(x).relu()
    by_norm = calibrated("b", block, "static_magnitudes", 0.5, y, is_frame).fixed
    norms = block.contract.weight.square().sum(dim=1)
    assert norms[by_norm].min() > norms[~by_norm].max()
    by_score = calibrated("b", block, "static_scores", 0.5, y, is_frame).fixed
    means = block.scores(y).mean(dim=(0, 1))
    assert means[by_score].min() > means[~by_score].max()


def test_silent_calibration_data_is_an_error() -> None:
    network = folded(tiny())
    silent = torch.zeros(2, 50, 8)
    with pytest.raises(EvaluationError, match=r"stack0_block0: the gate's scores are the same in most .* data silent"):
        calibrated("stack0_block0", network.blocks[0], "dynamic", 0.5, silent, torch.ones(2, 50, dtype=torch.bool))


def test_silent_clips_are_an_error() -> None:
    network = folded(tiny())
    silence = replace(clip(40_000), noisy=np.zeros(40_000, dtype=np.float32))
    part = portion([(0, Utterance(silence))], "log_power")
    with pytest.raises(EvaluationError, match="silent"):
        Rules(network, "dynamic", part.x, part.is_frame).find([(0.5,) * N_BLOCKS])


def test_scores_that_are_equal_are_an_error() -> None:
    network = folded(tiny())
    x = torch.zeros(1, 400, 8)
    x[0, 200:] = 3.0
    with pytest.raises(EvaluationError, match=r"a pruning ratio of 0\.3 cannot be met"):
        calibrated("b", network.blocks[0], "dynamic", 0.3, x, torch.ones(1, 400, dtype=torch.bool))
