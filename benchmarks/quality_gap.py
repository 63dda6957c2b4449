"""What binary maps lose against floating point, with the error of the difference, on several kinds of speech.

    python -m benchmarks.quality_gap [--set KEY=VALUE ...] [--json]

Data under TINYPARETO_DATA. Trains `studies/bam_bits_recordings.yaml` unless the cache has it, exports its network in
floating point and with binary maps and 8-bit weights, and predicts with the exports. Beside validation and test of the
study, in which speakers and noises are new, it asks for wake words and orders at a counter, of which nothing was
trained on, in the noises of validation. For each set: the correlation with PESQ of either network, the difference with
the standard error of a paired bootstrap, and the correlation of the two networks with each other, which needs no labels
and scatters less.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluators.quality.examples import load_labelled_data
from evaluators.quality.label_options import LabelOptions
from evaluators.quality.label_store import LabelledExamples
from evaluators.storage import cache_root, data_root
from evaluators.system import Context
from search.display.progress import Display
from search.study import Study
from spaces import Configuration

STUDY = "studies/bam_bits_recordings.yaml"
OTHER_SPEECH = ("kws_wakewords", "speech_barista")
N_OTHER = 400
REDRAWS = 2_000

Floats = NDArray[np.float64]


def measure(assignments: Sequence[str]) -> Iterator[dict[str, object]]:
    """The rows, as mappings."""
    study = Study.from_yaml(STUDY, assignments)
    context = Context(cache_root(), Display())
    study.system.prepare(context)
    scores: dict[str, list[Floats]] = {}
    sets = dict(_sets(study, context))
    with tempfile.TemporaryDirectory() as folder:
        for name, (maps, weights) in {"float": (32, 32), "binary": (1, 8)}.items():
            directory = Path(folder, name)
            directory.mkdir()
            study.system.export(_configuration(study, maps, weights), directory)
            predictor = study.system.load_export(directory)  # type: ignore[attr-defined]
            for label, part in sets.items():
                found = predictor.predict(np.asarray(part.waveforms))
                scores.setdefault(label, []).append(found.astype(np.float64))
    for label, part in sets.items():
        yield {"speech": label, "n": len(part), **gap(part.labels.astype(np.float64), *scores[label])}


def gap(true: Floats, whole: Floats, binary: Floats) -> Mapping[str, float]:
    """Correlations, their difference with its error, and the agreement of the two predictions; each of shape (n,)."""
    rng = np.random.default_rng(0)
    drawn = [rng.integers(len(true), size=len(true)) for _ in range(REDRAWS)]
    differences = [_correlation(true[k], whole[k]) - _correlation(true[k], binary[k]) for k in drawn]
    before, after = _correlation(true, whole), _correlation(true, binary)
    return {
        "float": before,
        "binary": after,
        "lost": before - after,
        "lost_se": float(np.std(differences)),
        "agreement": _correlation(whole, binary),
    }


def _correlation(x: Floats, y: Floats) -> float:
    return float(np.corrcoef(x, y)[0, 1])


def _sets(study: Study, context: Context) -> Iterator[tuple[str, LabelledExamples]]:
    options = LabelOptions.model_validate(study.spec.system.options.get("data", {}), strict=False)
    options = options.resolved(Path(STUDY).parent)
    own = load_labelled_data(options, context)
    yield "validation, which chose the epoch", own.validation
    yield "test", own.test
    root = data_root()
    assert root is not None, "checked before"
    few = {f"{split}_examples": 3 for split in ("training", "calibration", "test")}
    elsewhere = {"clean": tuple(root / name for name in OTHER_SPEECH), "validation_examples": N_OTHER, **few}
    yield "wake words and orders", load_labelled_data(options.model_copy(update=elsewhere), context).validation


def _configuration(study: Study, maps: int, weights: int) -> Configuration:
    bits = {"activation": maps, "weight": weights}
    return {name: bits[name.split(".")[1]] for name in study.space.defaults}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", dest="assignments", action="append", default=[])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if data_root() is None:
        parser.error("set TINYPARETO_DATA to the folder of the data")
    rows = list(measure(arguments.assignments))
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    print("| speech | examples | floating point | binary maps | lost (s.e.) | agreement |\n|---|---|---|---|---|---|")
    for row in rows:
        figures = "{float:.3f} | {binary:.3f} | {lost:.3f} ({lost_se:.3f}) | {agreement:.3f}".format(**row)
        print(f"| {row['speech']} | {row['n']} | {figures} |")


if __name__ == "__main__":
    main()
