"""Speaks a script with eSpeak NG; run as a program of its own, knowing nothing of this package.

eSpeak NG keeps state from one utterance to the next (phases, flutter, random numbers), so a voice sounds a little
different whenever something else was said before. In a process of its own a script always starts from the same state.

Reads JSON from stdin: `library` and `data` (paths), `utterances` (each `text`, `voice`, `words_per_minute`, `pitch`).
Writes to stdout, all little-endian: the sample rate as int32; then for each utterance the number of samples as int32
and the samples as int16.
"""

from __future__ import annotations

import ctypes
import json
import struct
import sys
from typing import Any

# From eSpeak NG's speak_lib.h, version 1.52.
SYNCHRONOUS = 2
DO_NOT_EXIT = 0x8000
UTF8 = 1
RATE, VOLUME, PITCH = 1, 2, 3
VOLUME_PERCENT = 50
"""At the default of 100 the louder voices are clipped."""
SEED = 1

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


def main() -> None:
    """Speak the script on stdin."""
    script = json.load(sys.stdin)
    output = sys.stdout.buffer
    library = ctypes.CDLL(script["library"])
    library.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]
    library.espeak_ng_SetRandSeed.restype = None
    library.espeak_SetSynthCallback.restype = None
    sample_rate_hz = library.espeak_Initialize(SYNCHRONOUS, 0, script["data"].encode(), DO_NOT_EXIT)
    if sample_rate_hz <= 0:
        raise SystemExit(f"eSpeak NG does not start with the data in {script['data']}")
    output.write(struct.pack("<i", sample_rate_hz))
    library.espeak_ng_SetRandSeed(SEED)
    chunks: list[bytes] = []

    def collect(samples: int | None, n_samples: int, events: int | None) -> int:
        if samples and n_samples > 0:
            chunks.append(ctypes.string_at(samples, 2 * n_samples))
        return 0

    callback = _Callback(collect)  # Kept in a variable, for the library does not own it.
    library.espeak_SetSynthCallback(callback)
    for utterance in script["utterances"]:
        _speak(library, utterance)
        content = b"".join(chunks)
        chunks.clear()
        output.write(struct.pack("<i", len(content) // 2) + content)


def _speak(library: ctypes.CDLL, utterance: dict[str, Any]) -> None:
    if library.espeak_SetVoiceByName(utterance["voice"].encode()):
        raise SystemExit(f"eSpeak NG has no voice {utterance['voice']!r}")
    # The voice comes first: choosing it resets the parameters.
    for parameter, value in (
        (RATE, utterance["words_per_minute"]),
        (VOLUME, VOLUME_PERCENT),
        (PITCH, utterance["pitch"]),
    ):
        library.espeak_SetParameter(parameter, value, 0)
    text = utterance["text"].encode() + b"\0"
    if library.espeak_Synth(text, ctypes.c_size_t(len(text)), 0, 1, 0, UTF8, None, None):
        raise SystemExit(f"eSpeak NG cannot say {utterance['text']!r}")
    library.espeak_Synchronize()


if __name__ == "__main__":
    main()
