"""A user's own system: what may be left out, and what is told when a member is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cost_models import Buffer, Operator, Workload, cost_report
from evaluators.contract import CompleteSystem
from evaluators.errors import EvaluationError, SystemContractError
from evaluators.metrics import METRICS, Metric
from evaluators.system import Context, Measurement
from spaces import Choices, Knob

CONFIGURATION = {"bit_widths.a": 4}


class Minimal:
    """The least that a system can be."""

    def knobs(self) -> Any:
        return {"bit_widths": {"a": [2, 4, 8]}}

    def evaluate(self, configurations: Any, split: str, fidelity: float = 1.0) -> Any:
        return [{"error_rate": 0.25} for _ in configurations]


def system(**members: Any) -> CompleteSystem:
    """The minimal system with members put in place of its own."""
    user = type("User", (Minimal,), {k: staticmethod(v) if callable(v) else v for k, v in members.items()})()
    return CompleteSystem(user, "my.module:SYSTEM")


def test_everything_but_knobs_and_evaluate_has_a_default(tmp_path: Path) -> None:
    complete = system()
    complete.prepare(Context(tmp_path))
    complete.export(CONFIGURATION, tmp_path)
    assert complete.knobs() == {"bit_widths": {"a": Knob(Choices((2, 4, 8)), 8)}}
    assert complete.metrics == METRICS
    assert complete.fingerprint() == ""
    assert complete.facts() == {}
    assert complete.costs(CONFIGURATION) == {}
    assert complete.workload(CONFIGURATION) == Workload([], [])
    assert list(tmp_path.iterdir()) == []


def test_a_mapping_will_do_for_a_measurement() -> None:
    assert system().evaluate([CONFIGURATION] * 2, "validation") == [Measurement({"error_rate": 0.25})] * 2


def test_scores_of_single_clips_are_checked_and_rounded() -> None:
    rows = [{"clip": "a", "accuracy": np.float64(0.123456)}]
    complete = system(evaluate=lambda c, s, f: [Measurement({"accuracy": 0.5}, clips=rows)])
    assert complete.evaluate([CONFIGURATION], "test")[0].clips == ({"clip": "a", "accuracy": 0.1235},)
    wrong = system(evaluate=lambda c, s, f: [Measurement({"accuracy": 0.5}, clips=[{"accuracy": 0.5}])])
    with pytest.raises(SystemContractError, match=r"evaluate each row of clips must be a mapping with the name"):
        wrong.evaluate([CONFIGURATION], "test")


def test_numbers_of_numpy_become_plain_ones() -> None:
    measurement = Measurement({"accuracy": np.float32(0.5)}, {"uf": np.float64(0.25)}, {"accuracy": np.array(0.125)})  # type: ignore[dict-item]
    complete = system(
        evaluate=lambda configurations, split, fidelity: (measurement,),
        costs=lambda configuration: {"area": np.int64(3)},
        workload=lambda configuration, activity: Workload([Operator("a", "b", macs=np.int64(7))]),  # type: ignore[arg-type]
    )
    (found,) = complete.evaluate([CONFIGURATION], "test")
    assert found == Measurement({"accuracy": 0.5}, {"uf": 0.25}, {"accuracy": 0.125})
    report = cost_report(complete.workload(CONFIGURATION))
    written = json.dumps([asdict(found), complete.costs(CONFIGURATION), report.costs, asdict(report.operators[0])])
    assert '"macs": 7.0' in written


def test_members_of_the_user_are_used(tmp_path: Path) -> None:
    seen: list[Any] = []
    complete = system(
        prepare=lambda context: seen.append(context.cache),
        export=lambda configuration, directory: (directory / "filter.c").write_text("int x;"),
        fingerprint=lambda: "abc",
        facts=lambda: {"taps": 48},
        metrics={"stopband_db": "min", "snr_db": Metric("max", "dB")},
        workload=lambda configuration, activity: Workload([Operator("a", "b", activity=(activity or {}).get("a", 1))]),
    )
    complete.prepare(Context(tmp_path))
    complete.export(CONFIGURATION, tmp_path)
    assert seen == [tmp_path]
    assert (tmp_path / "filter.c").read_text() == "int x;"
    assert (complete.fingerprint(), complete.facts()) == ("abc", {"taps": 48})
    assert complete.metrics == {"stopband_db": Metric("min"), "snr_db": Metric("max", "dB")}
    assert complete.workload(CONFIGURATION, {"a": 0.5}).operators[0].activity == 0.5


@pytest.mark.parametrize("missing", ["knobs", "evaluate"])
def test_a_required_member_that_is_missing_is_told(missing: str) -> None:
    with pytest.raises(SystemContractError, match=f"^my.module:SYSTEM: {missing} is missing; a system needs at least"):
        system(**{missing: None})


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"metrics": ["error_rate"]}, 'metrics must be a mapping such as {"error_rate": "min"}, got list [\'error_r'),
        ({"metrics": {"error_rate": "low"}}, "metrics 'error_rate' must be \"min\" or \"max\", got str 'low'"),
        ({"knobs": list}, "knobs must return a mapping from kinds to knobs, got list []"),
        ({"knobs": dict}, "knobs must return a mapping from kinds to knobs, got dict {}"),
        ({"knobs": lambda: {"taps": {"a": "relu"}}}, "knobs knob 'taps.a' must be a sequence of choices, Choices,"),
        ({"knobs": lambda: 1 / 0}, "knobs raised ZeroDivisionError: division by zero"),
    ],
)
def test_mistakes_that_show_at_once_are_told_at_once(members: Mapping[str, Any], told: str) -> None:
    with pytest.raises(SystemContractError) as caught:
        system(**members)
    assert str(caught.value).startswith(f"my.module:SYSTEM: {told}")


def operators(**values: Any) -> Any:
    return lambda configuration, activity: Workload([Operator("a", "b", **values)])


@pytest.mark.parametrize(
    ("member", "wrong", "told"),
    [
        ("prepare", 3, "prepare must be a method, got int 3"),
        ("prepare", lambda context: 1 / 0, "prepare raised ZeroDivisionError: division by zero"),
        ("fingerprint", lambda: 3, "fingerprint must return a text, got int 3"),
        ("facts", lambda: [1], "facts must return a mapping, got list [1]"),
        ("facts", lambda: {"a": {1}}, "facts returned something that JSON cannot hold: Object of type set"),
        ("facts", lambda: {"a": float("nan")}, "facts returned something that JSON cannot hold: Out of range"),
        ("costs", lambda c: 3, "costs must return a mapping from cost names to numbers, got int 3"),
        ("costs", lambda c: {"macs": 3}, "costs 'macs' is the name of a cost that follows from the workload"),
        ("costs", lambda c: {"area": "big"}, "costs 'area' must be a number, got str 'big'"),
        ("costs", lambda c: {"area": True}, "costs 'area' must be a number, got bool True"),
        ("costs", lambda c: {"area": [1]}, "costs 'area' must be a number, got list [1]"),
        ("costs", lambda c: {"area": float("inf")}, "costs 'area' must be finite, got inf"),
        ("workload", lambda c, a: [1], "workload must return a cost_models.Workload, got list [1]"),
        ("workload", lambda c, a: Workload([3]), "workload operators must be cost_models.Operator, got int 3"),  # type: ignore[list-item]
        ("workload", lambda c, a: Workload((), [3]), "workload buffers must be cost_models.Buffer, got int 3"),  # type: ignore[list-item]
        ("workload", operators(macs="7"), "workload operator 'a': macs must be a finite number of at least 0, got str"),
        (
            "workload",
            operators(macs=-7),
            "workload operator 'a': macs must be a finite number of at least 0, got int -7",
        ),
        ("workload", operators(weight_bytes=None), "workload operator 'a': weight_bytes must be a finite number of"),
        ("workload", operators(macs=np.ones(2)), "workload operator 'a': macs must be a finite number of at least 0"),
        ("workload", operators(activity=1.5), "workload operator 'a': activity must be at most 1, got 1.5"),
        (
            "workload",
            lambda c, a: Workload([Operator("a", "b")] * 2),
            "workload two operators have the name 'a'",
        ),
        (
            "workload",
            lambda c, a: Workload((), [Buffer("ram", -1)]),
            "workload buffer 'ram': n_bytes must be a finite number of at least 0, got int -1",
        ),
        ("workload", lambda configuration: None, "workload raised TypeError: "),
        ("export", lambda c, d: 1 / 0, "export raised ZeroDivisionError: division by zero"),
        (
            "evaluate",
            lambda c, s, f: None,
            "evaluate must return a list with one measurement a configuration, got None",
        ),
        ("evaluate", lambda c, s, f: {"error_rate": 1}, "evaluate must return a list with one measurement a config"),
        ("evaluate", lambda c, s, f: iter(c), "evaluate must return a list with one measurement a configuration, got "),
        ("evaluate", lambda c, s, f: [{}, {}], "evaluate returned 2 measurements for 1 configurations"),
        ("evaluate", lambda c, s, f: [0.5], "evaluate each measurement must be a Measurement or a mapping, got float"),
        ("evaluate", lambda c, s, f: [{"f1": 0.5}], "evaluate returned the metric 'f1', which `metrics` does not decl"),
        ("evaluate", lambda c, s, f: [{"accuracy": "1"}], "evaluate metrics 'accuracy' must be a number, got str '1'"),
        (
            "evaluate",
            lambda c, s, f: [{"accuracy": np.ones(2)}],
            "evaluate metrics 'accuracy' must be a number, got nd",
        ),
        (
            "evaluate",
            lambda c, s, f: [Measurement({"accuracy": 1.0}, 0.5)],  # type: ignore[arg-type]
            "evaluate activity must be a mapping from names to numbers, got float 0.5",
        ),
        (
            "evaluate",
            lambda c, s, f: [Measurement({"accuracy": 1.0}, {}, {"accuracy": None})],  # type: ignore[dict-item]
            "evaluate standard_errors 'accuracy' must be a number, got NoneType None",
        ),
    ],
)
def test_a_member_that_is_wrong_is_told_with_what_it_gave(tmp_path: Path, member: str, wrong: Any, told: str) -> None:
    complete = system(**{member: wrong})
    calls: dict[str, Callable[[], Any]] = {
        "prepare": lambda: complete.prepare(Context(tmp_path)),
        "fingerprint": complete.fingerprint,
        "facts": complete.facts,
        "costs": lambda: complete.costs(CONFIGURATION),
        "workload": lambda: complete.workload(CONFIGURATION),
        "export": lambda: complete.export(CONFIGURATION, tmp_path),
        "evaluate": lambda: complete.evaluate([CONFIGURATION], "validation"),
    }
    with pytest.raises(SystemContractError) as caught:
        calls[member]()
    assert str(caught.value).startswith(f"my.module:SYSTEM: {told}")


def test_an_error_that_is_meant_for_people_passes_as_it_is(tmp_path: Path) -> None:
    def prepare(context: Context) -> None:
        raise EvaluationError("the folder data/ is missing")

    with pytest.raises(EvaluationError, match=r"^the folder data/ is missing$"):
        system(prepare=prepare).prepare(Context(tmp_path))


def test_what_evaluate_raises_is_left_to_the_executor() -> None:
    with pytest.raises(ZeroDivisionError):
        system(evaluate=lambda c, s, f: 1 / 0).evaluate([CONFIGURATION], "validation")


def test_nan_is_a_number_here_and_stops_at_the_executor() -> None:
    complete = system(evaluate=lambda c, s, f: [{"accuracy": float("nan")}])
    assert np.isnan(complete.evaluate([CONFIGURATION], "validation")[0].metrics["accuracy"])
