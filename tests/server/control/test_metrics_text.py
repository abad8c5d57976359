"""Tests the text format of Prometheus against its own parser."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from payments_sandbox.server.control.metrics import Family, Sample, metrics_text


def test_a_metric_family_is_written_as_help_type_and_samples() -> None:
    sums = [Sample(0.5, ending="_sum"), Sample(2, ending="_count")]
    families = [
        Family("a_total", "counter", "Counts.", [Sample(2, {"x": "1", "y": "2"})]),
        Family("b", "summary", "Sums.", sums),
    ]
    assert metrics_text(families).splitlines() == [
        "# HELP a_total Counts.",
        "# TYPE a_total counter",
        'a_total{x="1",y="2"} 2',
        "# HELP b Sums.",
        "# TYPE b summary",
        "b_sum 0.5",
        "b_count 2",
    ]


@given(st.text(), st.text(st.characters(blacklist_categories=("Cs", "Zs", "Cc"))), st.floats())
def test_any_label_and_help_text_of_a_metric_is_read_back(
    value: str, text: str, number: float
) -> None:
    """Including backslashes, quotes and line breaks."""
    family = Family("a", "gauge", f"x{text}x", [Sample(number, {"label": value})])
    (found,) = text_string_to_metric_families(metrics_text([family]))
    (sample,) = found.samples

    assert sample.labels == {"label": value}
    assert found.documentation == f"x{text}x"
    assert sample.value == number or (sample.value != sample.value) == (number != number)  # noqa: PLR0124 - NaN
