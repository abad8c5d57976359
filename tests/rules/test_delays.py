"""Holds draws and drawn delays to their distributions, and to being the same in every run."""

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


def test_a_draw_is_a_function_of_its_arguments() -> None:
    """In every process, on every machine."""
    assert draw(7, "scene/noise", "cust_ada", 1) == draw(7, "scene/noise", "cust_ada", 1)
    assert f"{draw(7, 'scene/noise', 'cust_ada', 1):.12f}" == "0.298958918408"


@pytest.mark.parametrize(
    "other", [(8, "r", "k", 1), (7, "s", "k", 1), (7, "r", "l", 1), (7, "r", "k", 2)]
)
def test_a_draw_differs_with_each_argument(other: tuple[int, str, str, int]) -> None:
    """No two rules, keys or calls share a draw."""
    assert draw(*other) != draw(7, "r", "k", 1)


@given(st.integers(), st.text(), st.text(), st.integers())
def test_every_draw_is_below_one(seed: int, rule: str, key: str, call: int) -> None:
    """So that a chance of 1 always wins."""
    assert 0 <= draw(seed, rule, key, call) < 1


def test_draws_are_as_often_below_a_chance_as_it_says() -> None:
    """As many below a chance as it says."""
    draws = [draw(7, "r", "", call) for call in range(10_000)]

    assert [round(cut, 1) for cut in quantiles(draws, n=10)] == [
        0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9,
    ]  # fmt: skip


def delays(distribution: Distribution) -> list[int]:
    """Ten thousand of them."""
    return [sample_delay(distribution, draw(7, "r", "", call)) for call in range(10_000)]


def test_a_uniform_delay_reaches_both_bounds() -> None:
    """Between its bounds, both reached."""
    found = delays(Uniform(100, 200))

    assert (min(found), max(found)) == (100, 200)
    assert 148 <= median(found) <= 152


def test_a_normal_delay_lies_around_its_mean_and_is_never_negative() -> None:
    """Around its mean, and never less than nothing."""
    found = delays(Normal(100, 80))

    assert 97 <= median(found) <= 103
    assert min(found) == 0
    assert 0.66 < sum(20 <= each <= 180 for each in found) / 10_000 < 0.70


def test_a_lognormal_delay_has_its_median_and_its_99th_percentile() -> None:
    """By its median and its 99th percentile."""
    found = delays(Lognormal(120, 2_000))

    assert 115 <= median(found) <= 125
    assert 1_700 <= quantiles(found, n=100)[98] <= 2_300
    assert max(found) > 5_000


@pytest.mark.parametrize(
    "distribution", [Uniform(100, 200, 150), Normal(100, 80, 150), Lognormal(120, 2_000, 150)]
)
def test_no_delay_is_longer_than_its_cap(distribution: Distribution) -> None:
    """None is longer."""
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
def test_every_delay_is_a_number_that_is_not_negative(distribution: Distribution, u: float) -> None:
    """Whatever its bounds, a delay is a number that is not less than nothing."""
    assert sample_delay(distribution, u) >= 0
