from __future__ import annotations

import pytest

from search.report.quantities import quantity, ticks


@pytest.mark.parametrize(
    ("name", "extent", "title"),
    [
        ("error_rate", (0.02, 0.9), "error rate (%)"),
        ("error_rate", (0.0, 7.0), "error rate"),  # no share after all
        ("accuracy", (0.1, 0.99), "accuracy (%)"),
        ("model_bytes", (100, 9999), "model size (B)"),
        ("model_bytes", (100, 10_000), "model size (kB)"),
        ("model_bytes", (100, 2e7), "model size (MB)"),
        ("peak_ram_bytes", (100, 20_000), "peak RAM (kB)"),
        ("macs", (1, 2e6), "MACs (k)"),
        ("macs_worst", (1, 500), "MACs, worst"),
        ("cycles", (1, 2e7), "cycles (M)"),
        ("latency_ms", (0.1, 1), "latency (ms)"),
        ("latency_ms_worst", (0.1, 1), "latency, worst (ms)"),
        ("energy_uj", (0.1, 1), "energy (µJ)"),
        ("sample_rate_hz", (8000, 16000), "sample rate (Hz)"),
        ("pesq", (1, 4.5), "PESQ"),
        ("bits", (1, 8), "bits"),
        ("", (1, 8), ""),
    ],
)
def test_titles_follow_from_names_and_sizes(name: str, extent: tuple[float, float], title: str) -> None:
    assert quantity(name, extent).title == title


def test_values_are_scaled_with_their_unit() -> None:
    error, size = quantity("error_rate", (0.0, 0.9)), quantity("model_bytes", (1000, 30_000))
    assert error.scaled(0.0314) == 3.14
    assert error.show(0.0314, 0.002) == "3.140 ± 0.20\u00a0%"
    assert size.scaled(12_345.678) == 12.3457  # 6 significant digits
    assert size.show(16_384) == "16.38\u00a0kB"
    assert size.show(None) == "–"
    assert size.scaled(None) is None


@pytest.mark.parametrize(
    ("extent", "kind"), [((1, 19.9), "linear"), ((1, 20), "log"), ((0, 1e6), "linear"), ((-1, 5), "linear")]
)
def test_axes_are_logarithmic_where_values_span_much(extent: tuple[float, float], kind: str) -> None:
    assert quantity("cycles", extent).axis()["type"] == kind


def test_names_are_escaped_on_axes() -> None:
    assert quantity("<b>_bytes").axis()["title"]["text"] == "&lt;b&gt; size (B)"


@pytest.mark.parametrize("name", ["pearson", "si_sdr_db"])
def test_axes_of_what_may_be_negative_are_linear(name: str) -> None:
    assert quantity(name, (0.01, 1.0)).axis()["type"] == "linear"


def test_ticks_of_a_logarithmic_scale() -> None:
    assert ticks(3, 60) == [5, 10, 20, 50]
    assert ticks(1, 100_000) == [1, 10, 100, 1000, 10_000, 100_000]
