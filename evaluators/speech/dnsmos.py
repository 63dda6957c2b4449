"""DNSMOS: quality predicted without a clean reference, by networks whose ONNX files the user gives.

P.835 (Reddy et al., 2022) predicts speech, background and overall quality, P.808 (Reddy et al., 2021) overall quality.
The files `sig_bak_ovr.onnx` and `model_v8.onnx` come from Microsoft's DNS Challenge.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cost_models.extras import require
from evaluators.errors import DataError
from evaluators.speech.sound import SAMPLE_RATE_HZ, Samples

P835_FILE = "sig_bak_ovr.onnx"
P808_FILE = "model_v8.onnx"
WINDOW_SAMPLES = 144_160
"""What a network hears at a time: 9.01 s."""
_N_FFT, _HOP, _N_MELS = 321, 160, 120
# Coefficients of s^2, s and 1 for the raw scores of speech, background and overall quality; from the authors' code.
_CALIBRATION = np.array(
    [
        [-0.08397278, 1.22083953, 0.0052439],
        [-0.13166888, 1.60915514, -0.39604546],
        [-0.06766283, 1.11546468, 0.04602535],
    ]
)


class DnsMos:
    """The networks of one folder, loaded when first used.

    Args:
        folder: Holds the ONNX files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sessions: dict[str, Any] = {}

    def p835(self, output: Samples) -> tuple[float, float, float]:
        """Quality of speech, background and all, each a mean opinion score of about 1 to 5; mean over the windows.

        Args:
            output: To be judged, shape (n_samples,).

        Raises:
            DataError: If the file is missing or not such a network.
            MissingExtraError: If the extra `onnx` is not installed.
        """
        raw = self._run(P835_FILE, np.stack(windows(output)))
        speech, background, overall = (
            float(np.mean(np.polyval(coefficients, raw[:, k]))) for k, coefficients in enumerate(_CALIBRATION)
        )
        return speech, background, overall

    def p808(self, output: Samples) -> float:
        """Quality of all, a mean opinion score of about 1 to 5; mean over the windows. Arguments as for `p835`."""
        features = np.stack([log_mel(window[:-_HOP]) for window in windows(output)])
        return float(np.mean(self._run(P808_FILE, features)))

    def _run(self, name: str, batch: NDArray[np.float32]) -> NDArray[np.float64]:
        session = self._sessions.get(name) or self._sessions.setdefault(name, _open(self._folder / name))
        (scores,) = session.run(None, {session.get_inputs()[0].name: batch})
        return np.asarray(scores, dtype=np.float64)


def windows(output: Samples) -> list[Samples]:
    """What the networks hear of a signal: 9.01 s every second; a shorter one is repeated first."""
    n_copies = -(-WINDOW_SAMPLES // len(output))
    longer = np.tile(output, n_copies)
    # The authors round the length down to seconds, which may leave the last stretch unheard.
    n_windows = max(1, len(longer) // SAMPLE_RATE_HZ - 9)
    return [longer[k * SAMPLE_RATE_HZ :][:WINDOW_SAMPLES] for k in range(n_windows)]


def log_mel(samples: Samples) -> NDArray[np.float32]:
    """Features of P.808: power in mel bands, in dB below the loudest, 80 dB mapped to [-1, 1].

    Args:
        samples: Shape (n_samples,).

    Returns:
        Shape (1 + n_samples // 160, 120), less one where the last window does not fit.
    """
    padded = np.pad(samples.astype(np.float64), _N_FFT // 2)
    window = np.hanning(_N_FFT + 1)[:-1]
    frames = np.lib.stride_tricks.sliding_window_view(padded, _N_FFT)[::_HOP] * window
    power = np.abs(np.fft.rfft(frames)) ** 2 @ _mel_filters().T
    decibels = 10 * np.log10(np.maximum(power, 1e-10))
    relative = np.maximum(decibels - decibels.max(), -80.0)
    features: NDArray[np.float32] = ((relative + 40.0) / 40.0).astype(np.float32)
    return features


@cache
def _mel_filters() -> NDArray[np.float64]:
    """Triangles of equal area on Slaney's mel scale from 0 to 8 kHz, shape (n_mels, n_bins).

    Slaney's scale (Auditory Toolbox, 1998) is linear up to 1 kHz, 3 mel for 200 Hz, and logarithmic above, 27 mel for a
    factor of 6.4.
    """
    mels = np.linspace(0.0, _slaney_mel(SAMPLE_RATE_HZ / 2), _N_MELS + 2)
    corners_hz = np.where(mels < 15.0, mels * 200.0 / 3.0, 1000.0 * 6.4 ** ((mels - 15.0) / 27.0))
    bins_hz = np.fft.rfftfreq(_N_FFT, 1 / SAMPLE_RATE_HZ)
    left, peak, right = (corners_hz[k : k + _N_MELS, None] for k in range(3))
    triangles = np.maximum(0.0, np.minimum((bins_hz - left) / (peak - left), (right - bins_hz) / (right - peak)))
    return np.asarray(triangles * 2.0 / (right - left))


def _slaney_mel(hz: float) -> float:
    """Of a frequency above 1 kHz."""
    return float(15.0 + 27.0 * np.log(hz / 1000.0) / np.log(6.4))


def _open(path: Path) -> Any:
    runtime: Any = require("onnxruntime", "DNSMOS", "onnx")
    if not path.is_file():
        raise DataError("there is no such file", where=path, expected=f"DNSMOS's {path.name}")
    options = runtime.SessionOptions()
    # Clips are scored in parallel by processes; threads would only fight for the same cores.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's exceptions have no other base in common
        raise DataError(f"cannot be loaded: {error}", where=path, expected="an ONNX network") from error
