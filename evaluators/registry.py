"""The systems known by name, and those of users, named by import path."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from evaluators.contract import CompleteSystem
from evaluators.errors import SystemContractError, SystemSpecError
from evaluators.system import System
from spaces import Problem, nearest, problems_of, unknown


@dataclass(frozen=True)
class BuiltIn:
    """A system that ships with the package.

    Attributes:
        location: `module:class`; imported only when used. The class has `Options`, a pydantic model, and is called
            with its options and the folder that relative paths in them start from.
        description: One line for `list systems`.
    """

    location: str
    description: str


SYSTEMS: Mapping[str, BuiltIn] = {
    "gru_classifier": BuiltIn(
        "evaluators.gru.system:GruClassifier", "integer GRU with a bit width per operator (arXiv 2402.12263)"
    ),
    "conv_fsenet": BuiltIn(
        "evaluators.fsenet.system:ConvFsenetSystem", "dynamic channel pruning, a ratio per block (arXiv 2412.17121)"
    ),
    "slimmable_demucs": BuiltIn(
        "evaluators.demucs.system:SlimmableDemucs",
        "waveform network at part of its width, by a schedule or a router (arXiv 2507.04879)",
    ),
    "nsnet2_exits": BuiltIn(
        "evaluators.nsnet2.system:NsNet2Exits", "early-exiting noise suppressor, thresholds per exit (arXiv 2308.16678)"
    ),
    "quality_predictor": BuiltIn(
        "evaluators.quality.system:QualityPredictor",
        "speech quality predictor, bits per activation map and per layer (arXiv 2407.04578)",
    ),
}

_IMPORT_PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def create_system(name: str, options: Mapping[str, Any], folder: Path) -> System:
    """Make the system of a study; cheap, nothing is loaded or trained yet.

    Args:
        name: A built-in system, or `package.module:ATTRIBUTE` of a user's own (this imports and runs their code).
        options: The other keys of the `system` section.
        folder: Where relative paths in the options start from: the study file's folder.

    Raises:
        SystemSpecError: If the name or an option is wrong; paths start at the `system` section.
    """
    if name in SYSTEMS:
        return _built_in(SYSTEMS[name], options, folder)
    if ":" in name:
        return _of_user(name, options)
    raise _unknown(name)


def implementation(name: str) -> Any:
    """The class of a built-in system, or what a user's import path names.

    Raises:
        SystemSpecError: If there is none.
    """
    if name in SYSTEMS:
        return _class_of(SYSTEMS[name])
    if _IMPORT_PATH.fullmatch(name):
        return _imported(name)
    raise _unknown(name)


def _unknown(name: str) -> SystemSpecError:
    return SystemSpecError([unknown(("name",), "system", name, [*SYSTEMS, "package.module:SYSTEM"])])


def _class_of(entry: BuiltIn) -> Any:
    module, _, attribute = entry.location.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _built_in(entry: BuiltIn, options: Mapping[str, Any], folder: Path) -> System:
    factory = _class_of(entry)
    model: type[BaseModel] = factory.Options
    try:
        return factory(model.model_validate(options), folder)  # type: ignore[no-any-return]
    except ValidationError as error:
        raise SystemSpecError(problems_of(error, model)) from error


def _of_user(location: str, options: Mapping[str, Any]) -> System:
    if not _IMPORT_PATH.fullmatch(location):
        raise SystemSpecError([Problem(("name",), f'"{location}" is not an import path', "package.module:ATTRIBUTE")])
    found = _imported(location)
    try:
        return CompleteSystem(_instance(found, options, location), location)
    except SystemContractError as error:
        raise SystemSpecError([Problem(("name",), str(error))]) from error


def _imported(location: str) -> Any:
    module, _, attribute = location.partition(":")
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        hint = "a module in the current folder, or an installed one"
        raise SystemSpecError([Problem(("name",), f'cannot import "{module}": {error}', hint)]) from error
    except Exception as error:  # the module is the user's: whatever it raises is for them to see
        told = f'importing "{module}" raised {type(error).__name__}: {error}'
        raise SystemSpecError([Problem(("name",), told)]) from error
    if not hasattr(found, attribute):
        public = [name for name in vars(found) if not name.startswith("_")]
        told = f'module "{module}" has no "{attribute}"'
        raise SystemSpecError([Problem(("name",), told, "", nearest(attribute, public))])
    return getattr(found, attribute)


def _instance(found: Any, options: Mapping[str, Any], location: str) -> Any:
    """Call a class or function with the options; an object is taken as it is and has none."""
    if not (inspect.isclass(found) or inspect.isfunction(found)):
        if options:
            problem = Problem((str(next(iter(options))),), f'"{location}" is an object and takes no options')
            raise SystemSpecError([problem])
        return found
    _check_options(inspect.signature(found), options, location)
    try:
        return found(**options)
    except Exception as error:  # see `_imported`
        raise SystemSpecError([Problem((), f'"{location}" raised {type(error).__name__}: {error}')]) from error


def _check_options(signature: inspect.Signature, options: Mapping[str, Any], location: str) -> None:
    parameters = signature.parameters
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    problems = [unknown((str(key),), "key", str(key), parameters) for key in options if key not in parameters]
    if problems and not takes_any:
        raise SystemSpecError(problems)
    try:
        signature.bind(**options)
    except TypeError as error:
        raise SystemSpecError([Problem((), f'"{location}": {error}', ", ".join(parameters))]) from error
