"""The kinds of knobs: what each is called in a study file and how its values are shown to people."""

from __future__ import annotations

from dataclasses import dataclass

from spaces.parameters import Value


@dataclass(frozen=True)
class Kind:
    """One kind of knob.

    Attributes:
        name: Key under `space` in a study file and prefix of the knobs' names.
        selector: Key that selects knobs by pattern, e.g. `operators`.
        unit: Word behind a value, e.g. `bits`; empty if the value speaks for itself.
        single: What a value that is no combination (`a+b`) is called, where that differs from `name`.
        description: One line for `list spaces`.
    """

    name: str
    selector: str = "operators"
    unit: str = ""
    description: str = ""
    single: str = ""

    def show(self, value: Value) -> str:
        """A value as people read it: `4 bits`."""
        text = f"{value:g}" if isinstance(value, float) else str(value)
        if self.unit:
            return f"{text} {self.unit}"
        return f"{self.single if '+' not in text and self.single else self.name} {text}"


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "bit_widths",
            "operators",
            "bits",
            "bits of an operator's weights and outputs, operator by operator",
        ),
        Kind("exits", "settings", "", "which exits a network has: `placement`, such as `fc1+final`", "fixed exit"),
        Kind("pruning_ratios", "blocks", "pruned", "share of its channels that a block loses, 0 to 0.99"),
        Kind(
            "pruning",
            "settings",
            "",
            "how the channels to prune are chosen: `method`, one of dynamic, static_scores, static_magnitudes, "
            "dense_magnitudes",
        ),
        Kind(
            "router_targets",
            "settings",
            "",
            "what a router or gates are trained towards: `kept_share`; of a router, `utilization`, the weights `beta` "
            "and `gamma` of its losses, and the `bias` of its decisions",
        ),
        Kind("uf_schedules", "blocks", "UF", "utilization factor of a block: share of its channels that it keeps"),
        Kind("exit_thresholds", "exits", "", "confidence from which on a frame leaves at an early exit, 0 to 1"),
    )
}


def kind_of(name: str) -> Kind:
    """The kind of that name; one that a user's own system invents selects by `operators`."""
    return KINDS.get(name, Kind(name, description="knobs of a user's own system"))
