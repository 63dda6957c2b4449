"""The documentation says what the code does."""

import doctest
import importlib
import pkgutil
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from search.reference import PAGE, study_reference
from search.study import Study

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PACKAGES = ("spaces", "cost_models", "evaluators", "search")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_study_reference_is_what_the_models_say():
    assert (ROOT / PAGE).read_text(encoding="utf-8") == study_reference(), "run `python -m search.reference`"


def test_the_study_of_the_readme_is_valid():
    study = Study.from_dict(yaml.safe_load(blocks("yaml")[0]))
    assert len(study.space.searched) == 17


def test_the_rules_of_the_readme_are_valid():
    data = yaml.safe_load(blocks("yaml")[0]) | yaml.safe_load(blocks("yaml")[1])
    space = Study.from_dict(data).space
    assert space.parameter("bit_widths.gru0.input_reset").levels() == (2, 3, 4, 8)
    assert space.parameter("bit_widths.gru0.add_state").levels() == (6, 8)


def test_the_error_of_the_readme_is_what_is_printed(tmp_path):
    study = tmp_path / "gru_bits.yaml"
    study.write_text(blocks("yaml")[0].replace("guided", "guide"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "search", "check", str(study)], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 2
    assert done.stderr.replace(str(study), "studies/gru_bits.yaml") == blocks("text")[0]


def test_the_example_of_the_readme_is_the_file():
    example = next(block for block in blocks("python") if "class FirFilter" in block)
    assert example in (ROOT / "examples/fir_filter.py").read_text(encoding="utf-8")


def test_every_command_of_the_readme_exists():
    named = set(re.findall(r"python -m search (\w+)", README))
    listed = subprocess.run([sys.executable, "-m", "search", "--help"], capture_output=True, text=True, cwd=ROOT).stdout
    assert named <= set(re.findall(r"\w+", listed))


def test_every_file_that_the_readme_links_to_is_there():
    for target in re.findall(r"\]\(([^)#]+)", README):
        assert (ROOT / target).exists(), target


def test_both_lines_of_the_readme_install_from_the_constraints():
    lines = [shlex.split(line) for line in README.splitlines() if line.startswith("    pip install")]
    assert [line[:4] for line in lines] == [["pip", "install", "-c", "constraints.txt"]] * 2
    assert "torch==2.13.0" in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()


def modules() -> list[str]:
    names = []
    for package in PACKAGES:
        path = importlib.import_module(package).__path__
        names += [m.name for m in pkgutil.walk_packages(path, f"{package}.") if not m.name.endswith("__main__")]
    return sorted(names)


@pytest.mark.parametrize("name", modules())
def test_doctests(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
