from __future__ import annotations

from typing import Any

import pytest
from test_report_documents import ERROR_AND_SIZE, hostile_run, record_of, run_of, small_run, trial_of

from search.report import front_figure
from search.report.breakdown import Breakdowns, breakdown_members, default_member
from search.report.comparison import are_comparable, overlay_figure
from search.report.embedding import embedded
from search.report.heatmap import heatmap_figures
from search.report.matrix import matrix_figure
from search.report.parallel import parallel_figure, plain_parallel_figure
from search.report.points import axis_pairs
from search.report.theme import thinned
from search.report.view import aligned


def named(figure: Any, name: str) -> Any:
    return next(trace for trace in figure.data if trace.name == name)


def test_the_front_shows_both_splits_with_errors_of_the_test() -> None:
    figure = front_figure(small_run())
    validation, test = named(figure, "front, validation"), named(figure, "front, test ± standard error")
    assert list(validation.x) == [100, 200, 400]
    assert list(validation.y) == [30, 10, 5]  # per cent
    assert list(validation.customdata) == ["f0", "f1", "f2"]
    assert list(test.y) == [31, 11, 6]
    assert list(test.error_y.array) == [0.5, 0.5, 0.5]
    assert test.error_x.visible is False  # costs are exact
    assert figure.layout.xaxis.title.text == "model size (B)"
    assert figure.layout.yaxis.title.text == "error rate (%)"
    assert "on test 6.000 ± 0.50\u00a0%" in test.hovertext[2]
    assert "bit_widths: fc0=6, fc1=3" in test.hovertext[2]


def test_baselines_are_labelled_and_faint_trials_are_the_others() -> None:
    figure = front_figure(small_run())
    baselines = named(figure, "baselines, validation")
    assert list(baselines.text) == ["2 bits", "8 bits"]
    assert baselines.mode == "lines+markers+text"
    evaluated = named(figure, "evaluated, validation")
    assert (list(evaluated.x), list(evaluated.y)) == ([500], [40])


def test_families_of_baselines_are_not_connected() -> None:
    labels = ["2 bits", "4 bits", "pruning 0.5"]
    values = [{"error_rate": 0.1 + 0.2 * i, "model_bytes": 10 + 3 * i} for i in range(3)]
    run = run_of(ERROR_AND_SIZE, baselines=[trial_of(i, values[i], label=label) for i, label in enumerate(labels)])
    lines = [list(trace.text) for trace in front_figure(run).data if trace.mode == "lines+markers+text"]
    assert lines == [["2 bits", "4 bits"], ["pruning 0.5"]]


def test_a_label_that_runs_into_another_is_left_to_hovering() -> None:
    places = [(0.1, 1000), (0.1, 1010), (0.5, 1010), (0.5, 500)]
    values = [{"error_rate": error, "model_bytes": size} for error, size in places]
    run = run_of(ERROR_AND_SIZE, baselines=[trial_of(i, v, label=f"{i} bits") for i, v in enumerate(values)])
    baselines = named(front_figure(run), "baselines, validation")
    assert list(baselines.text) == ["3 bits", "0 bits", "", "2 bits"]  # along x; 1 bits is at 0 bits
    assert len(baselines.hovertext) == 4


def test_the_staircase_turns_with_the_direction_of_x() -> None:
    def shape(directions: dict[str, str]) -> str:
        run = run_of(directions, [trial_of(0, {"accuracy": 0.9, "error_rate": 0.1}), trial_of(1, {"accuracy": 0.5})])
        return str(next(t.line.shape for t in front_figure(run).data if t.mode == "lines"))

    assert shape({"error_rate": "min", "accuracy": "min"}) == "hv"
    assert shape({"error_rate": "min", "accuracy": "max"}) == "vh"  # x is the accuracy
    assert shape({"accuracy": "max", "error_rate": "min"}) == "hv"


def test_a_single_objective_is_drawn_over_the_trials() -> None:
    run = run_of({"error_rate": "min"}, [trial_of(7, {"error_rate": 0.25})])
    front = named(front_figure(run), "front, validation")
    assert (list(front.x), list(front.y)) == ([7], [25])


@pytest.mark.parametrize(("n", "n_pairs"), [(1, 1), (2, 1), (3, 3), (5, 10)])
def test_every_pair_of_objectives_can_be_seen(n: int, n_pairs: int) -> None:
    names = ["error_rate", "model_bytes", "cycles", "accuracy", "macs"][:n]
    run = run_of(dict.fromkeys(names, "min"), [trial_of(0, dict.fromkeys(names, 0.5))])
    pairs = axis_pairs(run)
    assert len(set(pairs)) == n_pairs
    if n == 3:
        assert pairs == [("model_bytes", "error_rate"), ("cycles", "error_rate"), ("cycles", "model_bytes")]
    for pair in pairs:
        front_figure(run, pair)


def test_where_nothing_is_feasible_the_least_violating_are_marked() -> None:
    trials = [trial_of(0, {"error_rate": 0.2, "model_bytes": 900}), trial_of(1, {"model_bytes": 950})]
    figure = front_figure(run_of(ERROR_AND_SIZE, trials, is_feasible=False))
    marks = named(figure, "least violating, validation")
    assert marks.marker.symbol == "star"
    assert list(marks.y) == [20, None]  # the second one was not evaluated
    assert not any(trace.mode == "lines" for trace in figure.data)


def test_variants_become_the_figures_they_were_made_from() -> None:
    run = small_run()
    members = breakdown_members(run)
    figures = {m.key: Breakdowns(run).figure(m) for m in members}
    spec = embedded(figures["f0"], figures)
    for key, figure in figures.items():
        variant = spec["variants"][key]
        data = [{**trace, **change} for trace, change in zip(spec["data"], variant["data"], strict=True)]
        assert data == embedded(figure)["data"]
        assert {**spec["layout"], **variant["layout"]} == embedded(figure)["layout"]
    assert spec["variants"]["f0"] == {"data": [{}] * len(spec["data"]), "layout": {}}


def test_the_breakdown_stacks_bytes_beside_macs() -> None:
    run = small_run()
    first = default_member(run)
    assert first is run.knee
    assert first.trial == 3
    figure = Breakdowns(run).figure(first)
    assert list(named(figure, "weights").x) == [170, 15]
    assert list(named(figure, "constants").x) == [10, 5]
    assert list(named(figure, "MACs").x) == [400, 50]
    assert list(figure.layout.yaxis.ticktext) == ["fc0", "fc1"]
    assert "4-bit weights" in named(figure, "weights").hovertext[0]


def test_without_operators_there_is_no_breakdown() -> None:
    run = run_of(ERROR_AND_SIZE, [trial_of(0, {"error_rate": 0.5, "model_bytes": 1})])
    assert breakdown_members(run) == []
    assert default_member(run) is None


def test_parallel_coordinates_show_what_varies_better_values_below() -> None:
    names = {"error_rate": "min", "accuracy": "max", "model_bytes": "min", "cycles": "min"}
    trials = [
        trial_of(0, {"error_rate": 0.5, "accuracy": 0.5, "model_bytes": 10, "cycles": 3}),
        trial_of(1, {"error_rate": 0.2, "accuracy": 0.8, "model_bytes": 1000, "cycles": 3}),
    ]
    run = run_of(names, trials)
    figure, plain = parallel_figure(run), plain_parallel_figure(run)
    assert figure is not None
    assert plain is not None
    error, accuracy, size = figure.data[0].dimensions  # cycles are the same everywhere
    assert list(error.values) == [50, 20]
    assert list(error.range) == [20, 50]
    assert list(accuracy.range) == [80, 50]
    assert list(size["values"]) == [1, 3]  # logarithms
    assert list(size.ticktext) == ["10", "20", "50", "100", "200", "500", "1\u202f000"]
    assert list(figure.data[0].line.color) == [2, 2]
    assert list(plain.data[2].y) == [1.0, 1.0, 0.0, None, 0.0, 0.0, 1.0, None]


def test_the_matrix_has_a_panel_for_every_pair() -> None:
    names = ["error_rate", "model_bytes", "cycles", "accuracy", "macs"]
    rows = [{n: float(i + j) for j, n in enumerate(names)} for i in range(3)]
    figure = matrix_figure(run_of(dict.fromkeys(names, "min"), [trial_of(i, row) for i, row in enumerate(rows)]))
    assert figure is not None
    panels = {(trace.xaxis, trace.yaxis) for trace in figure.data}
    assert len(panels) == 10
    assert figure.layout.xaxis.title.text == "error rate"
    assert figure.layout.yaxis4.title.text == "MACs"
    fronts = [trace for trace in figure.data if trace.name == "front"]
    assert all(list(trace.customdata) == ["f0", "f1", "f2"] for trace in fronts)


def test_one_heat_map_for_each_kind_of_knob_by_rising_cost() -> None:
    knobs = [
        {"bit_widths.a": 8, "bit_widths.b": 2, "router.kind": "mean", "pruning.a": 0.25},
        {"bit_widths.a": 4, "bit_widths.b": 3, "router.kind": "last", "pruning.a": 0.5},
    ]
    values = [{"error_rate": 0.1, "model_bytes": 20}, {"error_rate": 0.2, "model_bytes": 10}]
    trials = [trial_of(i, v, configuration=k) for i, (v, k) in enumerate(zip(values, knobs, strict=True))]
    maps = heatmap_figures(run_of(ERROR_AND_SIZE, trials))
    assert list(maps) == ["bit_widths", "router", "pruning"]
    bits = maps["bit_widths"].data[0]
    assert [list(row) for row in bits.z] == [[4, 8], [3, 2]]  # the smaller one first
    assert [list(row) for row in bits.text] == [["4", "8"], ["3", "2"]]
    assert [list(row) for row in bits.customdata] == [["f1", "f0"]] * 2
    assert list(maps["bit_widths"].layout.yaxis.ticktext) == ["a", "b"]
    assert list(maps["bit_widths"].layout.xaxis.ticktext) == ["10", "20"]
    router = maps["router"].data[0]
    assert [list(row) for row in router.z] == [[0, 1]]  # labels by name: last, mean
    assert [list(row) for row in router.text] == [["last", "mean"]]
    assert list(maps["pruning"].data[0].z[0]) == [0.5, 0.25]


def test_values_are_not_printed_into_cells_too_narrow_for_them() -> None:
    trials = [trial_of(i, {"error_rate": 1 / (i + 1), "model_bytes": i + 1}) for i in range(60)]
    figure = heatmap_figures(run_of(ERROR_AND_SIZE, trials))["bit_widths"]
    assert figure.data[0].text is None
    assert len(figure.layout.xaxis.ticktext) <= 16


def test_runs_are_overlaid_in_the_same_unit() -> None:
    small = run_of(ERROR_AND_SIZE, [trial_of(0, {"error_rate": 0.1, "model_bytes": 500})], name="a")
    large = run_of(ERROR_AND_SIZE, [trial_of(0, {"error_rate": 0.1, "model_bytes": 50_000})], name="b")
    figure = overlay_figure(aligned([small, large]))
    assert list(named(figure, "a, validation").x) == [0.5]
    assert list(named(figure, "b, validation").x) == [50]
    assert figure.layout.xaxis.title.text == "model size (kB)"
    assert named(figure, "a, validation").marker.color != named(figure, "b, validation").marker.color


def test_shared_baselines_are_drawn_once() -> None:
    figure = overlay_figure(aligned([small_run(name="a"), small_run(name="b")]))
    assert sum(trace.name == "baselines, validation" for trace in figure.data) == 1


def test_runs_with_other_objectives_are_not_overlaid() -> None:
    run, other = small_run(), run_of({"accuracy": "max"})
    assert are_comparable([run, small_run()])
    assert not are_comparable([run, other])
    with pytest.raises(ValueError, match="different objectives"):
        overlay_figure([run, other])


def test_thinning_keeps_the_ends_and_is_the_same_every_time() -> None:
    assert thinned(range(10), 4) == [0, 3, 6, 9]
    assert thinned(range(3), 4) == [0, 1, 2]
    run = run_of(ERROR_AND_SIZE, records=[record_of(i, {"error_rate": 0.5, "model_bytes": i + 1}) for i in range(9000)])
    assert len(named(front_figure(run), "evaluated, validation").x) == 2000


def strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [text for item in inner for text in strings(item)]


def test_hostile_names_reach_no_figure_as_markup() -> None:
    run = hostile_run()
    knee = default_member(run)
    assert knee is not None
    figures = [front_figure(run), Breakdowns(run).figure(knee), matrix_figure(run), parallel_figure(run)]
    figures += [plain_parallel_figure(run), *heatmap_figures(run).values(), overlay_figure(aligned([run, run]))]
    texts = [text for figure in figures for text in strings(figure.to_plotly_json())]
    assert any("&lt;b&gt;" in text for text in texts)
    allowed = ("<br>", "<b>", "</b>")  # our own: never next to what a file says
    for text in texts:
        bare = text
        for tag in allowed:
            bare = bare.replace(tag, "")
        assert "<" not in bare
        assert "<b>x" not in text


def test_a_quality_over_a_cost_comes_first() -> None:
    names = ["pesq", "stoi", "model_bytes"]
    run = run_of(dict.fromkeys(names, "min"), [trial_of(0, dict.fromkeys(names, 0.5))])
    assert axis_pairs(run) == [("model_bytes", "pesq"), ("model_bytes", "stoi"), ("stoi", "pesq")]


def test_references_that_know_some_axes_only_leave_every_choice_of_axes_in_place() -> None:
    directions = {"error_rate": "minimize", "model_bytes": "minimize", "macs": "minimize"}
    trial = trial_of(0, {"error_rate": 0.1, "model_bytes": 10, "macs": 5})
    reference = {**trial_of(1, {"error_rate": 0.2, "model_bytes": 20}, label="other"), "configuration": {}}
    run = run_of(directions, [trial], references=[reference])
    figures = [front_figure(run, axes) for axes in axis_pairs(run)]
    assert len({len(figure.data) for figure in figures}) == 1
    drawn = [list(named(figure, "references, validation").x) for figure in figures]
    assert drawn.count([None]) == 2, "macs are not known"
    embedded(figures[0], {str(k): figure for k, figure in enumerate(figures)})
