"""The text format of Prometheus: what its own parser reads is what was written."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from payments_sandbox.server.control.metrics import Family, Sample, metrics_text


def test_a_family_has_its_help_its_kind_and_its_samples() -> None:
    """Line by line."""
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
def test_whatever_a_label_holds_is_read_back(value: str, text: str, number: float) -> None:
    """Backslashes, quotes and line breaks, in labels and in the help."""
    family = Family("a", "gauge", f"x{text}x", [Sample(number, {"label": value})])
    (found,) = text_string_to_metric_families(metrics_text([family]))
    (sample,) = found.samples

    assert sample.labels == {"label": value}
    assert found.documentation == f"x{text}x"
    assert sample.value == number or (sample.value != sample.value) == (number != number)  # noqa: PLR0124 - NaN
