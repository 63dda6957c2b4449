"""Speech from eSpeak NG: the same script gives the same samples, wherever and whenever it is spoken.

eSpeak NG is free software under the GPL-3.0; it comes with the extra `speech` only, and runs in a process of its own.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from cost_models.extras import require
from evaluators.errors import EvaluationError
from evaluators.speech.audio import resampled
from evaluators.speech.sound import Samples

_PROGRAM = Path(__file__).with_name("espeak_process.py")


@dataclass(frozen=True)
class Utterance:
    """What is said and how.

    Attributes:
        text: English.
        voice: A language of eSpeak NG, with a variant: `en-us+f2`.
        words_per_minute: Speed, from 80 to 450.
        pitch: From 0 to 99, 50 being the voice's own.
    """

    text: str
    voice: str
    words_per_minute: int = 160
    pitch: int = 50


def synthesize(script: Sequence[Utterance]) -> Iterator[Samples]:
    """Speak a script, utterance by utterance, as it is asked for.

    An utterance depends on those before it, so only the same script (or a beginning of it) gives the same samples.

    Yields:
        The samples of each utterance at `SAMPLE_RATE_HZ`.

    Raises:
        EvaluationError: If eSpeak NG does not start, or does not know a voice.
        MissingExtraError: If the extra `speech` is not installed.
    """
    loader: Any = require("espeakng_loader", "built-in speech", "speech")
    request = {
        "library": loader.get_library_path(),
        "data": loader.get_data_path(),
        "utterances": [asdict(utterance) for utterance in script],
    }
    with tempfile.TemporaryFile() as orders, tempfile.TemporaryFile() as complaints:
        orders.write(json.dumps(request).encode())
        orders.seek(0)
        # Isolated: the program's folder must not become a place to import from.
        command = [sys.executable, "-I", str(_PROGRAM)]
        with subprocess.Popen(command, stdin=orders, stdout=subprocess.PIPE, stderr=complaints) as process:
            assert process.stdout is not None
            try:
                yield from _utterances(process.stdout, len(script))
            except EOFError as error:
                process.wait()
                complaints.seek(0)
                lines = complaints.read().decode(errors="replace").strip().splitlines()
                reason = lines[-1] if lines else f"eSpeak NG ended with {process.returncode}"
                raise EvaluationError(f"built-in speech cannot be made: {reason}") from error
            finally:
                process.kill()


def _utterances(stream: IO[bytes], n: int) -> Iterator[Samples]:
    (rate_hz,) = struct.unpack("<i", _read(stream, 4))
    for _ in range(n):
        (n_samples,) = struct.unpack("<i", _read(stream, 4))
        integers = np.frombuffer(_read(stream, 2 * n_samples), dtype="<i2")
        yield resampled(integers.astype(np.float32) / np.float32(32768), rate_hz)


def _read(stream: IO[bytes], n_bytes: int) -> bytes:
    content = stream.read(n_bytes)
    if len(content) < n_bytes:
        raise EOFError
    return content
