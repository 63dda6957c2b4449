"""What sound is in this package: one channel of 16 kHz."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
"""Sound of one channel, full scale at -1 and 1, shape (n_samples,)."""

SAMPLE_RATE_HZ = 16_000
