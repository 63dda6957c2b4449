"""What can be chosen: parameters, encodings, neighbours, and the knobs of each kind."""

from spaces.configuration import Configuration, canonical, configuration_hash
from spaces.document import Document
from spaces.kinds import KINDS, Kind, kind_of
from spaces.knobs import Choices, Condition, Interval, Knob, KnobGroup, check_conditions, knob_group
from spaces.parameters import Categorical, Continuous, Ordered, Parameter, Value, parameter_of
from spaces.problems import Problem, UserError, nearest, shown, unknown
from spaces.rules import Rule, build_space
from spaces.space import Space
from spaces.validation import Options, problems_of

__all__ = [
    "KINDS",
    "Categorical",
    "Choices",
    "Condition",
    "Configuration",
    "Continuous",
    "Document",
    "Interval",
    "Kind",
    "Knob",
    "KnobGroup",
    "Options",
    "Ordered",
    "Parameter",
    "Problem",
    "Rule",
    "Space",
    "UserError",
    "Value",
    "build_space",
    "canonical",
    "check_conditions",
    "configuration_hash",
    "kind_of",
    "knob_group",
    "nearest",
    "parameter_of",
    "problems_of",
    "shown",
    "unknown",
]
