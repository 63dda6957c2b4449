"""The measured shares of dynamic systems in the report."""

from __future__ import annotations

import re

from test_report_documents import run_of, small_run, trial_of

from search.report.activity import active_members, activity_figure
from search.report.page import report_html


def test_kinds_stand_beside_each_other_part_by_part() -> None:
    kept, always = activity_figure({"kept.b0": 0.5, "kept.b1": 0.25, "always_kept.b0": 0.125}).data
    assert (kept.name, list(kept.x), list(kept.y)) == ("kept", ["b0", "b1"], [50, 25])
    assert (always.name, list(always.x), list(always.y)) == ("always kept", ["b0"], [12.5])


def test_shares_without_a_kind_and_hostile_names() -> None:
    (bars,) = activity_figure({"<b>k0</b>": 1.0}).data
    assert (bars.name, list(bars.y)) == ("share", [100])
    assert "<b>" not in bars.x[0]


def test_only_dynamic_systems_have_the_section() -> None:
    assert "<h2>Activity</h2>" not in report_html([small_run()])
    directions = {"error_rate": "min", "macs": "min"}
    trials = [trial_of(n, {"error_rate": 0.1, "macs": 9}, activity={"kept.b0": 0.5} if n else {}) for n in range(2)]
    run = run_of(directions, trials)
    assert [member.trial for member in active_members(run)] == [1]
    page = report_html([run])
    assert re.findall(r"<h2>Activity</h2>", page)
    assert "data-follow" in page
