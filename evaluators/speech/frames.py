"""Sizes of the short-time frames that the speech systems work on; free of torch, which is slow to import."""

from __future__ import annotations

from evaluators.speech.sound import SAMPLE_RATE_HZ

FRAME_SAMPLES = 512
HOP_SAMPLES = 256
N_BINS = FRAME_SAMPLES // 2 + 1
FRAMES_PER_SECOND = SAMPLE_RATE_HZ / HOP_SAMPLES
ALGORITHMIC_DELAY_MS = 1000 * FRAME_SAMPLES / SAMPLE_RATE_HZ
"""From when a sample is heard to when it is played: the first sample of a hop waits for the whole next hop."""


def n_frames(n_samples: int) -> int:
    """Frames of a sound; frame t covers hops t - 1 and t, so the last one begins with the last hop.

    >>> n_frames(1), n_frames(256), n_frames(257)
    (2, 2, 3)
    """
    return -(-n_samples // HOP_SAMPLES) + 1
