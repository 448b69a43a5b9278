import numpy as np
import pytest

from pellucid.core.evaluation.quadrature import quadrature

# rule: the highest degree of polynomials it integrates exactly by n nodes
EXACT_UP_TO = {
    "riemann_left": lambda n: 0,
    "riemann_right": lambda n: 0,
    "riemann_middle": lambda n: 1,
    "riemann_trapezoid": lambda n: 1,
    "gausslegendre": lambda n: 2 * n - 1,
}

every_rule = pytest.mark.parametrize("rule", EXACT_UP_TO)


def error(rule: str, steps: int, degree: int) -> float:
    """How far the rule is from the integral of (degree + 1) x**degree, which is 1."""
    nodes, weights = quadrature(rule, steps)
    return abs(float((weights * (degree + 1) * nodes**degree).sum()) - 1)


@every_rule
@pytest.mark.parametrize("steps", [2, 3, 6])
def test_polynomials_are_integrated_exactly_up_to_a_degree_and_no_further(rule: str, steps: int):
    highest = EXACT_UP_TO[rule](steps)
    assert all(error(rule, steps, degree) < 1e-12 for degree in range(highest + 1))
    assert error(rule, steps, highest + 1) > 1e-9


@every_rule
@pytest.mark.parametrize("steps", [2, 7, 50, 300])
def test_nodes_lie_in_order_within_the_interval_and_weights_add_up_to_one(rule: str, steps: int):
    nodes, weights = quadrature(rule, steps)
    assert nodes.shape == weights.shape == (steps,)
    assert nodes.dtype == weights.dtype == np.float64
    assert nodes[0] >= 0
    assert nodes[-1] <= 1
    assert (np.diff(nodes) > 0).all()
    assert (weights > 0).all()
    assert weights.sum() == pytest.approx(1, abs=1e-12)


def test_the_nodes_are_those_of_the_textbook():
    assert quadrature("riemann_left", 4)[0].tolist() == [0, 0.25, 0.5, 0.75]
    assert quadrature("riemann_right", 4)[0].tolist() == [0.25, 0.5, 0.75, 1]
    assert quadrature("riemann_middle", 4)[0].tolist() == [0.125, 0.375, 0.625, 0.875]
    nodes, weights = quadrature("riemann_trapezoid", 5)
    assert nodes.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert weights.tolist() == [0.125, 0.25, 0.25, 0.25, 0.125]
    on_both_sides, twice = np.polynomial.legendre.leggauss(9)
    nodes, weights = quadrature("gausslegendre", 9)
    np.testing.assert_allclose(nodes, 0.5 + on_both_sides / 2, rtol=1e-15)
    np.testing.assert_allclose(weights, twice / 2, rtol=1e-15)
    assert quadrature("gausslegendre", 1)[0].tolist() == [0.5]
