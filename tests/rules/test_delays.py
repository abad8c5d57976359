"""Draws and sampled delays: their distributions, and that every run has the same."""

from statistics import median, quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.rules.delays import (
    Distribution,
    Lognormal,
    Normal,
    Uniform,
    draw,
    sample_delay,
)


def test_a_draw_depends_only_on_its_arguments() -> None:
    """It is the same in every process and on every machine."""
    assert draw(7, "scene/noise", "cust_ada", 1) == draw(7, "scene/noise", "cust_ada", 1)
    assert f"{draw(7, 'scene/noise', 'cust_ada', 1):.12f}" == "0.298958918408"


@pytest.mark.parametrize(
    "other", [(8, "r", "k", 1), (7, "s", "k", 1), (7, "r", "l", 1), (7, "r", "k", 2)]
)
def test_every_argument_changes_a_draw(other: tuple[int, str, str, int]) -> None:
    """Seed, rule, key and call number each matter."""
    assert draw(*other) != draw(7, "r", "k", 1)


@given(st.integers(), st.text(), st.text(), st.integers())
def test_every_draw_is_at_least_0_and_below_1(seed: int, rule: str, key: str, call: int) -> None:
    """A chance of 1 therefore always wins."""
    assert 0 <= draw(seed, rule, key, call) < 1


def test_draws_are_uniformly_distributed() -> None:
    draws = [draw(7, "r", "", call) for call in range(10_000)]

    assert [round(cut, 1) for cut in quantiles(draws, n=10)] == [
        0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9,
    ]  # fmt: skip


def delays(distribution: Distribution) -> list[int]:
    """Return ten thousand sampled delays."""
    return [sample_delay(distribution, draw(7, "r", "", call)) for call in range(10_000)]


def test_a_uniform_delay_reaches_both_bounds() -> None:
    found = delays(Uniform(100, 200))

    assert (min(found), max(found)) == (100, 200)
    assert 148 <= median(found) <= 152


def test_a_normal_delay_has_its_mean_and_is_never_negative() -> None:
    found = delays(Normal(100, 80))

    assert 97 <= median(found) <= 103
    assert min(found) == 0
    assert 0.66 < sum(20 <= each <= 180 for each in found) / 10_000 < 0.70


def test_a_lognormal_delay_has_its_median_and_99th_percentile() -> None:
    found = delays(Lognormal(120, 2_000))

    assert 115 <= median(found) <= 125
    assert 1_700 <= quantiles(found, n=100)[98] <= 2_300
    assert max(found) > 5_000


@pytest.mark.parametrize(
    "distribution", [Uniform(100, 200, 150), Normal(100, 80, 150), Lognormal(120, 2_000, 150)]
)
def test_a_sampled_delay_never_exceeds_its_cap(distribution: Distribution) -> None:
    assert max(delays(distribution)) == 150


CAPS = st.none() | st.integers(0, 10**9)


@given(
    st.one_of(
        st.builds(Uniform, st.integers(0, 10**17), st.integers(0, 10**17), CAPS),
        st.builds(Normal, st.integers(0, 10**17), st.integers(0, 10**17), CAPS),
        st.builds(Lognormal, st.integers(1, 10**5), st.integers(10**5, 10**17), CAPS),
    ),
    st.floats(0, 1, exclude_max=True),
)
def test_a_sampled_delay_is_never_negative(distribution: Distribution, u: float) -> None:
    """This holds for any bounds and caps."""
    assert sample_delay(distribution, u) >= 0
