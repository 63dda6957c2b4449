"""Optional packages: one line of advice where they are missing, nothing hidden where they are broken."""

import pickle

import pytest

from cost_models.errors import MissingExtraError
from cost_models.extras import are_installed, require


def test_missing_extra_is_one_line():
    with pytest.raises(MissingExtraError, match=r"^reading tapes needs an extra: pip install 'tinypareto\[tapes\]'$"):
        require("no_such_package_of_tapes", "reading tapes", "tapes")
    assert not are_installed("numpy", "no_such_package_of_tapes")
    assert are_installed("numpy")


def test_missing_dependency_of_an_extra_is_not_hidden(tmp_path, monkeypatch):
    (tmp_path / "half_installed.py").write_text("import no_such_package_of_tapes\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_package_of_tapes"):
        require("half_installed", "reading tapes", "tapes")


def test_the_error_survives_the_way_between_processes():
    error = pickle.loads(pickle.dumps(MissingExtraError("reading tapes", "tapes")))
    assert (str(error), error.extra) == ("reading tapes needs an extra: pip install 'tinypareto[tapes]'", "tapes")
