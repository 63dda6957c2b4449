"""Study files: what is read, and the wording of every mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from search import Study
from search.errors import SpecError
from search.spec import SECTIONS
from spaces import Ordered

STUDY = """\
name: toy
system: {name: "toy_systems:Toy", knobs: 3}
space:
  bit_widths: {operators: "*", choices: [2, 4, 8]}
objectives: [error_rate, model_bytes]
constraints: ["peak_ram_bytes <= 16384"]
optimizer: {name: nsga2, population: 20, seed: 3}
budget: {trials: 100, minutes: 10}
executor: {name: processes, workers: 2, timeout_s: 5, retries: 0}
"""
ALLOWED = "accuracy, error_rate, macs, macs_worst, model_bytes, parameters, peak_ram_bytes"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "study.yaml"
    path.write_text(STUDY)
    return path


OF_RAY = {
    "mode": "generations",
    "address": None,
    "connect_s": 20.0,
    "cpus": 1.0,
    "gpus": 0.0,
    "resources": {},
    "dashboard": False,
}


def told(path: Path, *overrides: str) -> str:
    """The whole message, without the folder."""
    with pytest.raises(SpecError) as caught:
        Study.from_yaml(path, overrides)
    assert caught.value.exit_code == 2
    return str(caught.value).replace(f"{path.parent}/", "")


def without(path: Path, *keys: str, **replaced: Any) -> Path:
    """The study with some keys left out or replaced."""
    data = {key: value for key, value in yaml.safe_load(STUDY).items() if key not in keys}
    path.write_text(yaml.safe_dump({**data, **replaced}, sort_keys=False))
    return path


def test_a_study_is_read_as_written(study: Path) -> None:
    read = Study.from_yaml(study)
    assert read.spec.resolved() == {
        "name": "toy",
        "system": {"name": "toy_systems:Toy", "knobs": 3},
        "space": {"bit_widths": [{"operators": ["*"], "choices": [2, 4, 8]}]},
        "objectives": ["error_rate", "model_bytes"],
        "constraints": ["peak_ram_bytes <= 16384"],
        "target": "",
        "optimizer": {"name": "nsga2", "seed": 3, "population": 20, "crossover": 0.9, "mutation": None},
        "budget": {"trials": 100, "minutes": 10, "until": None, "tolerance": 0.001},
        "racing": {"shares": [], "confidence": 0.99},
        "executor": {"name": "processes", "workers": 2, "timeout_s": 5, "retries": 0, **OF_RAY},
    }
    assert read.space.searched == tuple(Ordered(f"bit_widths.k{i}", (2, 4, 8)) for i in range(3))
    assert read.objectives.directions == {"error_rate": "min", "model_bytes": "min"}
    assert read.folder == study.parent


def test_what_may_be_left_out_has_a_default(study: Path) -> None:
    without(study, "constraints", "optimizer", "budget", "executor")
    resolved = Study.from_yaml(study).spec.resolved()
    assert resolved["constraints"] == []
    assert resolved["optimizer"] == {
        "name": "nsga2",
        "seed": 0,
        "population": 50,
        "crossover": 0.9,
        "mutation": None,
    }
    assert resolved["budget"] == {"trials": 1000, "minutes": None, "until": None, "tolerance": 0.001}
    assert resolved["executor"] == {"name": "processes", "workers": None, "timeout_s": 60.0, "retries": 1, **OF_RAY}


def test_a_section_without_a_value_is_as_good_as_absent(study: Path) -> None:
    without(study, constraints=None, optimizer=None, budget=None, executor=None, target=None)
    assert Study.from_yaml(study).spec.optimizer.name == "nsga2"


def test_names_alone_will_do_for_optimizer_and_executor(study: Path) -> None:
    without(study, optimizer="tpe", executor="serial")
    spec = Study.from_yaml(study).spec
    assert (spec.optimizer.name, spec.executor.name) == ("tpe", "serial")


def test_the_resolved_study_reads_back_as_itself(study: Path) -> None:
    resolved = Study.from_yaml(study).spec.resolved()
    again = yaml.safe_load(yaml.safe_dump(resolved, sort_keys=False))
    assert Study.from_dict(again).spec.resolved() == resolved == again


def test_several_kinds_of_rules_may_be_combined(study: Path) -> None:
    rules = [{"operators": ["k0", "k1"], "choices": [2, 4]}, {"choices": [8, 6]}]
    without(study, space={"bit_widths": rules})
    space = Study.from_yaml(study).space
    assert [p.levels() for p in space.parameters] == [(2, 4), (2, 4), (6, 8)]


def test_overrides_come_before_the_check(study: Path) -> None:
    read = Study.from_yaml(study, ["optimizer.name=random", "optimizer={name: tpe, startup: 7}", "budget.trials=9"])
    assert (read.spec.optimizer.name, read.spec.budget.trials) == ("tpe", 9)


def test_another_optimizer_takes_over_the_options_that_it_has_too(study: Path) -> None:
    without(study, optimizer={"name": "nsga2", "population": 12, "mutation": 0.2, "seed": 5})

    def optimizer(*overrides: str) -> dict[str, object]:
        written: dict[str, object] = Study.from_yaml(study, overrides).spec.resolved()["optimizer"]
        return written

    assert optimizer("optimizer.name=tpe") == {"name": "tpe", "seed": 5, "startup": 20, "batch": 8}
    assert optimizer("optimizer.name=nsga3")["population"] == 12
    assert optimizer("optimizer.population=8", "optimizer.name=nsga3")["population"] == 8
    assert optimizer("optimizer.name=nsga3", "optimizer.seed=6")["seed"] == 6
    assert optimizer("optimizer.name=nsga2")["mutation"] == 0.2
    with pytest.raises(SpecError, match='unknown key "population"'):
        optimizer("optimizer.population=8", "optimizer.name=tpe")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "nam=x",
            '--set nam  nam: unknown key "nam"\n'
            "    Allowed: budget, constraints, executor, name, objectives, optimizer, racing, space, system, target. "
            'Did you mean "name"?',
        ),
        (
            "budget.trails=7",
            '--set budget.trails  budget.trails: unknown key "trails"\n'
            '    Allowed: minutes, tolerance, trials, until. Did you mean "trials"?',
        ),
        (
            "optimizer.sede=7",
            '--set optimizer.sede  optimizer.sede: unknown key "sede"\n'
            '    Allowed: crossover, mutation, name, population, seed. Did you mean "seed"?',
        ),
        (
            "system.knob=7",
            '--set system.knob  system.knob: unknown key "knob"\n'
            "    Allowed: calls, dynamic, fault, identity, knobs, loud, sleep_ms. "
            'Did you mean "knobs"?',
        ),
        (
            "optimizer.name=nsga-2",
            '--set optimizer.name  optimizer.name: unknown optimizer "nsga-2"\n'
            '    Allowed: exhaustive, gp, guided, nsga2, nsga3, random, tpe. Did you mean "nsga2"?',
        ),
        (
            "system.name=gru_clasifier",
            '--set system.name  system.name: unknown system "gru_clasifier"\n'
            "    Allowed: conv_fsenet, gru_classifier, nsnet2_exits, package.module:SYSTEM, quality_predictor, "
            'slimmable_demucs. Did you mean "gru_classifier"?',
        ),
        (
            "executor.name=procesess",
            '--set executor.name  executor.name: "procesess" is not known\n'
            '    Allowed: serial, processes, ray. Did you mean "processes"?',
        ),
        (
            "objectives=[error_rat]",
            '--set objectives  objectives[0]: unknown metric or cost "error_rat"\n'
            f'    Allowed: {ALLOWED}. Did you mean "error_rate"?',
        ),
        (
            "constraints=[peek_ram_bytes<=3]",
            '--set constraints  constraints[0]: unknown metric or cost "peek_ram_bytes"\n'
            f'    Allowed: {ALLOWED}. Did you mean "peak_ram_bytes"?',
        ),
        (
            "space={bit_width: {choices: [2]}}",
            '--set space  space.bit_width: the system has no knobs of kind "bit_width"\n'
            '    Allowed: bit_widths. Did you mean "bit_widths"?',
        ),
        (
            "space.bit_widths.operators=k7",
            '--set space.bit_widths.operators  space.bit_widths.operators: "k7" matches no operator of the system\n'
            "    Allowed: k0, k1, k2.",
        ),
        (
            "space.bit_widths.choices=[]",
            "--set space.bit_widths.choices  space.bit_widths.choices: no choices given\n    Allowed: 2 to 8.",
        ),
        (
            "space.bit_widths.choices=[4, 9]",
            "--set space.bit_widths.choices  space.bit_widths.choices[1]: 9 bits is not what k0 takes\n"
            "    Allowed: 2 to 8.",
        ),
        (
            "space.bit_widths.choices=[four]",
            '--set space.bit_widths.choices  space.bit_widths.choices[0]: "four" is not what k0 takes\n'
            "    Allowed: 2 to 8.",
        ),
        (
            "space.bit_widths.choices=[[4]]",
            "--set space.bit_widths.choices  space.bit_widths.choices[0]: [4] is neither a number nor a name",
        ),
        (
            "space.bit_widths.choices=4",
            "--set space.bit_widths.choices  space.bit_widths.choices: 4 is no list\n    Allowed: e.g. [2, 4, 8].",
        ),
        (
            "space.bit_widths.choices=[.nan]",
            "--set space.bit_widths.choices  space.bit_widths.choices[0]: nan bits is not what k0 takes\n"
            "    Allowed: 2 to 8.",
        ),
        (
            "space.bit_widths.choices=[8]",
            "study.yaml:3  space: every knob has a single choice: there is nothing to search",
        ),
        (
            "space.bit_widths.low=2",
            "study.yaml:4  space.bit_widths: choices and low/high exclude each other",
        ),
        (
            "space.bit_widths=[2, 4]",
            "--set space.bit_widths  space.bit_widths[0]: must be a mapping\n"
            "    Allowed: operators, choices, low, high.",
        ),
        (
            "space.bit_widths.operators=3",
            "--set space.bit_widths.operators  space.bit_widths.operators: must be a pattern or a list of patterns",
        ),
        (
            "space.bit_widths={low: a, high: 3}",
            '--set space.bit_widths  space.bit_widths.low: "a" is no number',
        ),
        (
            "space.bit_widths={low: 2, high: 3}",
            "--set space.bit_widths  space.bit_widths: k0 takes no interval\n    Allowed: choices out of 2 to 8.",
        ),
        (
            "space={}",
            "--set space  space: must be a mapping from kinds of knobs to rules\n"
            "    Allowed: e.g. bit_widths: {choices: [4, 8]}.",
        ),
        (
            "constraints=[fast please]",
            '--set constraints  constraints[0]: "fast please" is not a bound\n'
            '    Allowed: NAME <= NUMBER, e.g. "peak_ram_bytes <= 16384".',
        ),
        ("constraints=[macs <= 1K]", '--set constraints  constraints[0]: "1K" is not a number'),
        ("constraints=5", "--set constraints  constraints: 5 is no list"),
        ("objectives=error_rate", '--set objectives  objectives: "error_rate" is no list'),
        ("objectives=[3]", "--set objectives  objectives[0]: 3 is no text"),
        ("objectives=[]", "--set objectives  objectives: at least one objective is needed"),
        ("objectives=[macs, macs]", '--set objectives  objectives[1]: "macs" stands here twice'),
        ("name=a/b", '--set name  name: "a/b" cannot name a directory\n    Allowed: letters, digits, '),
        ("name=..", '--set name  name: ".." cannot name a directory'),
        ("name=", "--set name  name: is missing\n    Allowed: name of the study and of its run directory."),
        ("system=", "--set system  system: is missing\n    Allowed: what is searched: the name of a system"),
        (
            "system={knobs: 3}",
            "--set system  system.name: is missing or no text\n    Allowed: see `python -m search list",
        ),
        ("target=3", "--set target  target: 3 is no name"),
        (
            "optimizer.seed=-1",
            "--set optimizer.seed  optimizer.seed: -1 is no seed\n    Allowed: whole numbers from 0 to",
        ),
        (
            "optimizer.population=two",
            '--set optimizer.population  optimizer.population: "two" is not possible\n    Allowed: a whole number.',
        ),
        (
            "optimizer.population=2",
            "--set optimizer.population  optimizer.population: 2 is not possible\n"
            "    Allowed: greater than or equal to 4.",
        ),
        (
            "budget.trials=0",
            "--set budget.trials  budget.trials: 0 is not possible\n    Allowed: greater than or equal",
        ),
        (
            "budget.minutes=.inf",
            "--set budget.minutes  budget.minutes: inf is not possible\n    Allowed: a finite numb",
        ),
        ("budget.Trials=3", '--set budget.Trials  budget.Trials: unknown key "Trials"'),
        ("budget=3", "--set budget  budget: 3 is no mapping\n    Allowed: trials, minutes, until, tolerance."),
        ("executor.3=3", '--set executor.3  executor.3: unknown key "3"'),
    ],
)
def test_a_mistake_is_told_with_what_is_allowed(study: Path, override: str, message: str) -> None:
    assert told(study, override).startswith(message)


def test_all_mistakes_are_told_at_once_each_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(
        """\
name: toy
system: {name: "toy_systems:Toy", knobs: 3}
space:
  bit_widths:
    operators: "*"
    choices: [2, 4, 9]
objectives:
  - error_rate
  - bites
constraints: ["macs < 3"]
optimizer: {name: nsga-2}
bugdet: {trials: 100}
executor: {workers: 0}
"""
    )
    lines = told(path).splitlines()
    assert [line.split(":")[1].split()[0] for line in lines if line.startswith("study.yaml")] == [
        "12",
        "10",
        "11",
        "13",
        "6",
        "9",
    ]


def test_an_optimizer_that_cannot_search_the_space_is_told(study: Path) -> None:
    data = yaml.safe_load(STUDY)
    data["system"] = {"name": "toy_systems:Tunable"}
    data["space"] = {"ratio": {"low": 0.0, "high": 0.5}}
    data["optimizer"] = "exhaustive"
    data["constraints"] = []
    study.write_text(yaml.safe_dump(data))
    assert "optimizer.name: ratio.prune is continuous and cannot be enumerated" in told(study)


def test_a_study_from_python_tells_the_same_mistakes() -> None:
    data = {**yaml.safe_load(STUDY), "objectives": ["error_rat"]}
    with pytest.raises(SpecError, match=r'study  objectives\[0\]: unknown metric or cost "error_rat"'):
        Study.from_dict(data)


def test_knobs_are_fixed_by_pattern(study: Path) -> None:
    read = Study.from_yaml(study)
    assert read.configuration({}) == {f"bit_widths.k{i}": 8 for i in range(3)}
    # 3 bits are not in the study's space, but the system can realize them.
    fixed = read.configuration({"bit_widths.*": 4, "k1": 3})
    assert fixed == {"bit_widths.k0": 4, "bit_widths.k1": 3, "bit_widths.k2": 4}


def test_a_knob_that_cannot_be_fixed_is_told(study: Path) -> None:
    read = Study.from_yaml(study)
    with pytest.raises(SpecError) as caught:
        read.configuration({"bit_widths.k7": 4})
    assert str(caught.value) == (
        '--knob: unknown knob "bit_widths.k7"\n'
        "    Allowed: bit_widths.k0, bit_widths.k1, bit_widths.k2. "
        'Did you mean "bit_widths.k2"?'
    )
    with pytest.raises(SpecError, match=r"^--knob: 9 is not what bit_widths.k0 takes\n    Allowed: 2 to 8\.$"):
        read.configuration({"k0": 9})


def test_costs_of_a_configuration(study: Path) -> None:
    read = Study.from_yaml(study)
    report = read.costs(read.configuration({"*": 4}))
    assert report.costs == {
        "macs": 300,
        "macs_worst": 300,
        "parameters": 3 * 64,
        "model_bytes": 3 * 64 * 4 // 8,
        "peak_ram_bytes": 32,
    }
    assert [op.name for op in report.operators] == ["k0", "k1", "k2"]


def test_every_section_is_explained() -> None:
    assert set(yaml.safe_load(STUDY)) | {"racing", "target"} == set(SECTIONS)


ROOT = Path(__file__).parents[2]
STUDIES = [path for path in (ROOT / "studies").rglob("*.yaml") if "sweeps" not in path.parts]
SHIPPED = [*sorted(STUDIES), *sorted((ROOT / "examples").rglob("*.yaml"))]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_study_that_ships_is_right(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)
    read = Study.from_yaml(path)
    assert read.space.searched
    assert path.read_text(encoding="utf-8").startswith("# "), "`list studies` shows the first comment line"
