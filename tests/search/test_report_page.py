from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from plotly.offline import get_plotlyjs
from test_report_documents import ERROR_AND_SIZE, hostile_run, record_of, run_of, small_run, trial_of

from search.report import RunView, write_report
from search.report.page import report_html

VOID = {"meta", "link", "br"}


class Page(HTMLParser):
    """Elements and visible text of a page; complains about what does not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "script":
            self.scripts[-1] += data
        else:
            self.text += data

    def ids(self, css_class: str = "") -> list[str]:
        found = (a for _, a in self.elements if not css_class or css_class in (a.get("class") or "").split())
        return [a["id"] for a in found if a.get("id")]  # type: ignore[misc]

    def links(self) -> list[str]:
        return [a["href"] or "" for _, a in self.elements if "href" in a]

    @property
    def data(self) -> Any:
        def refuse(constant: str) -> None:
            raise AssertionError(f"{constant} is no JSON")

        return json.loads(self.scripts[0], parse_constant=refuse)


def page_of(*runs: RunView) -> Page:
    return Page(report_html(runs))


def test_the_file_is_whole_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.html"
    write_report([small_run()], path)
    assert list(path.parent.iterdir()) == [path]
    text = path.read_text(encoding="utf-8")
    assert text.endswith("</html>\n")
    assert text.count(get_plotlyjs()) == 1


def test_no_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one run"):
        write_report([], tmp_path / "report.html")


def test_the_page_fetches_nothing() -> None:
    page = page_of(small_run(), small_run(name="b"))
    assert all(link.startswith(("#", "data:")) for link in page.links())
    assert not any("src" in attributes for _, attributes in page.elements)
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy
    own = report_html([small_run()]).replace(get_plotlyjs(), "")
    assert not re.search(r"https?://|url\(|@import|fetch\(|XMLHttpRequest", own)


def test_every_figure_has_a_place_and_every_link_a_target() -> None:
    for runs in ([small_run()], [small_run(name="a"), small_run(name="b")]):
        page = page_of(*runs)
        assert sorted(page.ids("figure")) == sorted(page.data["figures"])
        assert len(page.ids()) == len(set(page.ids()))
        assert {link[1:] for link in page.links() if link.startswith("#")} <= set(page.ids())
        assert set(page.data["templates"]) == {"light", "dark"}


def test_sections_of_one_run() -> None:
    page = page_of(small_run())
    titles = re.findall(r"<h2>([^<]*)</h2>", report_html([small_run()]))
    assert titles == [
        "Front",
        "Cost by operator",
        "Table",
        "Hypervolume",
        "Parallel coordinates",
        "Scatter matrix",
        "Knobs along the front",
        "Run",
    ]
    run = next(a for _, a in page.elements if "data-run" in a)
    assert run["data-selected"] == "f1"  # the knee
    assert {a["data-key"] for tag, a in page.elements if tag == "tr" and "data-key" in a} == {
        "f0",
        "f1",
        "f2",
        "b0",
        "b1",
    }
    assert set(page.data["figures"]["run-0-breakdown-figure"]["variants"]) == {"f0", "f1", "f2"}
    assert "31.00 ± 0.50" in page.text
    assert "cortex_m4" in page.text


def test_several_runs_are_compared_at_the_worst_reference_point() -> None:
    near = small_run(name="near", reference_point={"error_rate": 0.4, "model_bytes": 900})
    page = page_of(near, small_run(name="far"))
    assert page.text.count("370") >= 2  # both at (0.5, 1000)
    assert "100.00 %" in page.text
    assert sum(tag == "details" for tag, _ in page.elements) == 2
    traces = page.data["figures"]["comparison-hypervolume-evaluations"]["data"]
    assert [trace["name"] for trace in traces] == ["near", "far", "homogeneous baselines"]


def test_runs_that_cannot_be_compared_are_shown_one_by_one() -> None:
    page = page_of(small_run(), run_of({"accuracy": "max"}, [trial_of(0, {"accuracy": 0.5})]))
    assert "different objectives" in page.text
    assert not any(key.startswith("comparison") for key in page.data["figures"])


FIVE = {"error_rate": "min", "model_bytes": "min", "cycles": "min", "accuracy": "max", "macs": "min"}
FAILED = [record_of(i, {}, state="failed", reason="NaN in the loss") for i in range(3)]
RULED_OUT = [record_of(i, {"model_bytes": 900.0 + i}, state="infeasible") for i in range(3)]
WILD = {"error_rate": float("nan"), "model_bytes": float("inf")}

EDGES: dict[str, RunView] = {
    "nothing at all": run_of(ERROR_AND_SIZE),
    "only failures": run_of(ERROR_AND_SIZE, records=FAILED),
    "only infeasible": run_of(
        ERROR_AND_SIZE, [trial_of(0, {"model_bytes": 900})], records=RULED_OUT, is_feasible=False, knee=None
    ),
    "one point": run_of(
        ERROR_AND_SIZE,
        [trial_of(0, {"error_rate": 0.5, "model_bytes": 9})],
        reference_point={"error_rate": 1, "model_bytes": 10},
    ),
    "no test, no operators": run_of(
        ERROR_AND_SIZE, [trial_of(i, {"error_rate": 0.5 / (i + 1), "model_bytes": 9 + i}) for i in range(3)]
    ),
    "one objective": run_of(
        {"error_rate": "min"}, [trial_of(0, {"error_rate": 0.5})], reference_point={"error_rate": 1.0}
    ),
    "five objectives": run_of(
        FIVE,
        [trial_of(i, {n: 0.1 * (i + j + 1) for j, n in enumerate(FIVE)}) for i in range(4)],
        reference_point=dict.fromkeys(FIVE, 0.9) | {"accuracy": 0.1},
    ),
    "not a number": run_of(
        ERROR_AND_SIZE,
        [trial_of(0, WILD, test=WILD, test_standard_errors=WILD, validation_standard_errors=WILD)],
        records=[record_of(0, WILD), record_of(1, {"error_rate": 0.1, "model_bytes": 5})],
    ),
    "zeros": run_of(
        ERROR_AND_SIZE,
        [trial_of(0, {"error_rate": 0.0, "model_bytes": 0})],
        [trial_of(0, {"error_rate": 0.0, "model_bytes": 0}, label="8 bits")],
        reference_point={"error_rate": 0, "model_bytes": 0},
    ),
    "mixed knobs": run_of(
        ERROR_AND_SIZE,
        [
            trial_of(
                i, {"error_rate": 0.1 + i, "model_bytes": 9 - i}, configuration={"r.k": v, "r.t": 0.1 * i, "alone": 1}
            )
            for i, v in enumerate(["mean", True, 3])
        ],
    ),
    "bare document": RunView(
        "bare",
        {
            "study": "s",
            "objectives": ["error_rate"],
            "directions": {"error_rate": "min"},
            "trials": [],
            "baselines": [],
        },
        [],
    ),
}


@pytest.mark.parametrize("name", EDGES)
def test_odd_runs_have_a_page(name: str) -> None:
    page = page_of(EDGES[name])
    assert sorted(page.ids("figure")) == sorted(page.data["figures"])
    assert "nan" not in page.text.lower().replace("nan in the loss", "")


def test_what_is_not_there_is_said() -> None:
    failed = page_of(EDGES["only failures"])
    assert "No trial was evaluated to the end" in failed.text
    assert "NaN in the loss" in failed.text
    ruled_out = page_of(EDGES["only infeasible"])
    assert "no trial keeps to all constraints" in ruled_out.text
    assert "3 infeasible" in ruled_out.text


def test_odd_runs_can_be_compared_with_each_other() -> None:
    page_of(*(run for run in EDGES.values() if run.objectives == list(ERROR_AND_SIZE)))


def test_five_objectives_offer_all_ten_pairs() -> None:
    page = page_of(EDGES["five objectives"])
    assert sum(tag == "option" for tag, _ in page.elements) == 10
    assert len(page.data["figures"]["run-0-front-figure"]["variants"]) == 10


def test_hostile_names_stay_text() -> None:
    text = report_html([hostile_run(), hostile_run()])
    page = Page(text)
    assert len(page.scripts) == 3
    assert {tag for tag, _ in page.elements} <= {
        *("html", "head", "meta", "link", "title", "style", "body", "header", "nav", "main", "section", "details"),
        *("summary", "noscript", "script", "h1", "h2", "h3", "p", "ul", "li", "a", "dl", "dt", "dd", "div", "i"),
        *("span", "small", "label", "select", "option", "table", "thead", "tbody", "tr", "th", "td", "button"),
    }
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert all(link.startswith(("#", "data:")) for link in page.links())
    assert "window.hit=1" in page.text  # shown, as text
    assert "\u202e" not in text
