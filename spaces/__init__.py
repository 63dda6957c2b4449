"""What can be chosen: parameters, encodings, neighbours, and the knobs of each kind."""

from spaces.configuration import Configuration, canonical, configuration_hash
from spaces.parameters import Categorical, Continuous, Ordered, Parameter, Value, parameter_of

__all__ = [
    "Categorical",
    "Configuration",
    "Continuous",
    "Ordered",
    "Parameter",
    "Value",
    "canonical",
    "configuration_hash",
    "parameter_of",
]
