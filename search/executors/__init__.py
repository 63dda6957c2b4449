"""Who evaluates: this process, worker processes, whole clusters."""

from search.executors.base import Executor, Job, Outcome
from search.executors.processes import ProcessExecutor
from search.executors.serial import SerialExecutor
from search.executors.worker import SystemFactory

__all__ = ["Executor", "Job", "Outcome", "ProcessExecutor", "SerialExecutor", "SystemFactory"]
