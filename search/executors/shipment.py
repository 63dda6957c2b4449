"""A prepared system on its way to another process or machine: its data and weights travel with it."""

from __future__ import annotations

import pickle
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from evaluators.system import System
from search.executors.worker import SystemFactory


@dataclass(frozen=True)
class Shipment:
    """A system that can be made elsewhere: unpacked from what was sent or, where nothing was, prepared there.

    It stays in memory, and in the memory of the workers it was made for: nothing of it is ever written to disk.

    Attributes:
        content: The prepared system; None if it cannot be serialized.
        factory: Prepares it from its description and the cache of the machine it is called on.
        reason: Why there is no content.
    """

    content: bytes | None
    factory: SystemFactory
    reason: str = ""

    def __call__(self) -> System:
        """The system, prepared.

        Raises:
            Exception: Whatever unpacking or preparing raises; a system is foreign code.
        """
        return self.factory() if self.content is None else pickle.loads(self.content)


def pack(system: System, factory: SystemFactory, location: str = "") -> Shipment:
    """Pack a prepared system.

    Args:
        system: What to send.
        factory: What to do instead where it cannot be serialized.
        location: Import path of a user's own system: its module then travels, too, unless it is an installed one.
    """
    from ray import cloudpickle  # only those who have Ray send anything

    module = sys.modules.get(location.partition(":")[0]) if ":" in location else None
    travels = module is not None and not _is_installed(module)
    try:
        if travels:
            cloudpickle.register_pickle_by_value(module)
        return Shipment(cloudpickle.dumps(system), factory)
    except Exception as error:  # a user's system may hold anything, and refuse in any way
        return Shipment(None, factory, f"{type(error).__name__}: {error}")
    finally:
        if travels:
            cloudpickle.unregister_pickle_by_value(module)


def _is_installed(module: ModuleType) -> bool:
    """Whether the module came with a package, as it will have on the other machines."""
    file = getattr(module, "__file__", None)
    return file is None or "site-packages" in Path(file).parts
