"""The data sets a GRU classifier can be trained on: read, checked, split and scaled."""

from evaluators.gru.tasks.assembly import fingerprint
from evaluators.gru.tasks.errors import DataError
from evaluators.gru.tasks.options import TaskOptions
from evaluators.gru.tasks.table import TASKS, Task

__all__ = ["TASKS", "DataError", "Task", "TaskOptions", "fingerprint"]
