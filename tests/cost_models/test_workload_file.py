"""Operator tables from files: published networks, and every mistake with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cost_models import cost_report, load_target, operator_of, peak_ram_bytes, read_workload
from cost_models.cycles import lines_fetched
from spaces import UserError

WORKLOADS = Path(__file__).parents[2] / "benchmarks" / "workloads"


def written(folder: Path, text: str, name: str = "net.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def told(folder: Path, text: str, name: str = "net.yaml") -> str:
    with pytest.raises(UserError) as caught:
        read_workload(written(folder, text, name))
    return str(caught.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("name", "macs"),
    [
        ("mlperf_tiny_ad", 264_192),
        ("mlperf_tiny_kws", 2_656_768),
        ("mlperf_tiny_vww", 7_489_664),
        ("mlperf_tiny_ic", 12_501_632),
        ("nnom_noise_suppressor", 119_832),
    ],
)
def test_macs_of_published_networks(name: str, macs: int) -> None:
    assert cost_report(read_workload(WORKLOADS / f"{name}.yaml")).costs["macs"] == macs


@pytest.mark.parametrize(
    ("name", "lines"), [("mlperf_tiny_ad", 33_024), ("mlperf_tiny_kws", 52_672), ("mlperf_tiny_ic", 768_080)]
)
def test_lines_of_weights_as_counted_in_emulation(name: str, lines: int) -> None:
    target = load_target("cortex_m4_cmsis_nn", Path())
    assert sum(lines_fetched(op, target) for op in read_workload(WORKLOADS / f"{name}.yaml").operators) == lines


def test_sizes_follow_from_shapes_and_bits(tmp_path: Path) -> None:
    text = """
    weight_bits: 4
    operators:
      - {name: a, kind: fully_connected, inputs: 9, outputs: 3, activation_bits: 16}
      - {kind: gru, inputs: 3, hidden: 2, steps: 10, weight_bits: 8, executions: 2, activity: 0.5, activity_p95: 0.8}
    """
    workload = read_workload(written(tmp_path, text))
    dense, gru = workload.operators
    assert (dense.name, dense.kind, dense.macs, dense.weight_bits) == ("a", "fully_connected", 27, 4)
    assert dense.weight_bytes == 14  # 27 weights of 4 bits
    assert dense.constant_bytes == 12 * 3
    assert (dense.input_bits, dense.output_bits) == (16, 16)
    assert (gru.name, gru.executions, gru.activity, gru.activity_p95) == ("gru1", 20, 0.5, 0.8)
    assert gru.constant_bytes == 12 * 12 + 512  # twelve rows, two tables
    assert workload.is_dynamic


def test_json_is_read_as_well(tmp_path: Path) -> None:
    entry = {"kind": "fully_connected", "inputs": 4, "outputs": 2, "activity": 1e-05}
    text = json.dumps({"operators": [entry]}, indent="\t")
    assert read_workload(written(tmp_path, text, "net.json")).operators[0].activity == 1e-05
    assert told(tmp_path, text.replace('"kind"', "kind"), "net.json").startswith("net.json:4  not JSON: ")
    with_nan = text.replace("1e-05", "NaN")
    assert "net.json:7  operators[0].activity: nan is not possible" in told(tmp_path, with_nan, "net.json")


def test_memory_follows_what_is_read(tmp_path: Path) -> None:
    text = """
    operators:
      - {name: a, kind: fully_connected, inputs: 100, outputs: 40}
      - {name: b, kind: fully_connected, inputs: 40, outputs: 40}
      - {name: c, kind: fully_connected, inputs: 40, outputs: 40}
      - {name: sum, kind: elementwise, elements: 40, reads: [a, c]}
    """
    # Step:    a    b    c  sum
    # input  100
    # a       40   40   40   40
    # b            40   40
    # c                 40   40
    # sum                    40
    assert peak_ram_bytes(read_workload(written(tmp_path, text))) == 140
    # An output that nobody reads is one of the network's: it lasts to the end.
    text = text.replace("reads: [a, c]", "reads: [a, b]")
    assert peak_ram_bytes(read_workload(written(tmp_path, text))) == 160
    gru = "operators: [{kind: gru, inputs: 4, hidden: 2, state_bits: 16}]"
    # 4 in, 2 out, 2 states of 2 bytes, and of 2 bytes each 4 inputs and 3 vectors for each of three gates.
    assert peak_ram_bytes(read_workload(written(tmp_path, gru))) == 4 + 2 + 4 + 2 * (4 + 18)


def test_one_operator_by_itself() -> None:
    assert operator_of({"kind": "fully_connected", "inputs": 4, "outputs": 2}).macs == 8
    with pytest.raises(UserError, match='inputz: unknown key "inputz"'):
        operator_of({"kind": "fully_connected", "inputz": 4, "inputs": 4, "outputs": 2})


MISTAKES = """\
nme: net
weight_bits: 0
operators:
  - {kind: fully_connected, inputs: 4}
"""

WRONG_OPERATORS = """\
operators:
  - {kind: fully_conected, inputs: 4, outputs: 2}
  - {kind: fully_connected, inputs: 0, outputs: many}
  - 3
  - {inputs: 4}
  - kind: conv2d
    height: 4
    width: 4
    in_channels: 2
    out_channels: 2
    kernel: [3, 3, 3]
    paddding: same
  - {kind: pool, height: 2, width: 2, channels: 1, kernel: 3}
"""

WRONG_GRAPH = """\
operators:
  - {name: a, kind: fully_connected, inputs: 4, outputs: 2}
  - {name: a, kind: fully_connected, inputs: 2, outputs: 2, reads: [b]}
  - {name: input, kind: fully_connected, inputs: 3, outputs: 2, reads: [a]}
"""


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (
            MISTAKES,
            [
                'net.yaml:1  nme: unknown key "nme"\n    Allowed: activation_bits, description, name, operators, '
                'weight_bits. Did you mean "name"?',
                "net.yaml:2  weight_bits: 0 is not possible\n    Allowed: greater than or equal to 1.",
            ],
        ),
        (
            WRONG_OPERATORS,
            [
                'net.yaml:2  operators[0].kind: unknown kind of operator "fully_conected"\n    Allowed: conv1d, '
                "conv2d, depthwise, elementwise, fully_connected, gru, lstm, pointwise, pool. "
                'Did you mean "fully_connected"?',
                "net.yaml:3  operators[1].inputs: 0 is not possible",
                'net.yaml:3  operators[1].outputs: "many" is not possible\n    Allowed: a whole number.',
                "net.yaml:4  operators[2]: 3 is no operator",
                "net.yaml:5  operators[3].kind: is missing\n    Allowed: fully_connected, conv1d, ",
                "net.yaml:11  operators[4].kernel: must be one whole number, or two in a list",
                'net.yaml:12  operators[4].paddding: unknown key "paddding"',
                'Did you mean "padding"?',
                "net.yaml:13  operators[5]: a window of 3 does not fit into 2 without padding",
            ],
        ),
        (
            WRONG_GRAPH,
            [
                'net.yaml:3  operators[1].reads[0]: unknown operator before this one "b"\n    Allowed: a, input.',
                'net.yaml:3  operators[1].name: the name "a" is taken',
                "net.yaml:4  operators[2].reads: a have 2 elements, the operator reads 3",
                'net.yaml:4  operators[2].name: the name "input" is taken',
            ],
        ),
        ("operators: []", ["net.yaml:1  operators: [] is not possible"]),
        ("name: x", ["net.yaml:1  operators: is missing\n    Allowed: the operators, in schedule order."]),
        ("[1]", ["net.yaml:1  a workload is a mapping"]),
        ("", ["net.yaml is empty\n    Allowed: operators: [{kind: "]),
        (
            "operators: !!python/object/apply:os.system [ls]",
            ["net.yaml:1  not YAML: could not determine a constructor"],
        ),
    ],
)
def test_every_mistake_is_told_at_once_with_its_line(tmp_path: Path, text: str, messages: list[str]) -> None:
    message = told(tmp_path, text)
    for expected in messages:
        assert expected in message
