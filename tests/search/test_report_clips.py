"""The clips section: one sortable table for each member, the selected one in sight."""

from __future__ import annotations

import re

from test_report_documents import ERROR_AND_SIZE, HOSTILE, run_of, trial_of

from search.report.clips import clip_tables, members_with_clips
from search.report.page import report_html

ROWS = [
    {"clip": "low hum", "pesq": 1.5, "si_sdr_db": 7.25},
    {"clip": "crowd", "pesq": 1.0, "si_sdr_db": None, "reasons": "pesq: the output is silent; si_sdr_db: no speech"},
]


def run_with_clips(name: str = "low hum", **fields):
    rows = [{**ROWS[0], "clip": name}, ROWS[1]]
    trials = [
        trial_of(0, {"error_rate": 0.1, "model_bytes": 900}, test={"error_rate": 0.1}, test_clips=rows, **fields),
        trial_of(1, {"error_rate": 0.2, "model_bytes": 400}, validation_clips=ROWS[:1]),
        trial_of(2, {"error_rate": 0.3, "model_bytes": 300}),
    ]
    return run_of(ERROR_AND_SIZE, trials)


def test_each_member_with_clips_has_a_table_and_one_is_shown():
    run = run_with_clips()
    members = members_with_clips(run.members)
    assert [m.trial for m in members] == [0, 1]
    html = clip_tables(members, members[1])
    assert re.findall(r'data-of="(\w+)"( hidden)?', html) == [("f0", " hidden"), ("f1", "")]
    assert "2 clips of test" in html
    assert "1 clips of validation" in html


def test_what_was_not_measured_is_marked_with_its_reason():
    html = clip_tables(members_with_clips(run_with_clips().members)[:1], run_with_clips().members[1])
    assert '<td data-sort="1">1 †</td><td>– †</td>' in html
    assert "pesq: the output is silent; si_sdr_db: no speech" in html


def test_the_page_has_the_section_only_where_there_are_clips():
    assert "<h2>Clips</h2>" in report_html([run_with_clips()])
    plain = run_of(ERROR_AND_SIZE, [trial_of(0, {"error_rate": 0.1, "model_bytes": 900})])
    assert "<h2>Clips</h2>" not in report_html([plain])


def test_names_of_clips_stay_text():
    html = report_html([run_with_clips(HOSTILE)])
    assert "<b>x</b>" not in html
