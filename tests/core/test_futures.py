"""Computations that wait for futures, run to their end by whoever completes them."""

import threading
from typing import Any

import pytest
import torch
from torch.futures import Future

from pellucid.core.futures import AllDone, Awaiting, as_future, then, to_completion


def same(error: Exception) -> Exception:
    return error


async def total(*futures: Future[Any]) -> Any:
    """The sum of what several futures give, waited for together."""
    await AllDone(futures)
    return sum(future.value() for future in futures)


async def one_after_another(futures: list[Future[Any]], seen: list[Any]) -> str:
    for future in futures:
        await AllDone([future])
        seen.append(future.value())
    return "done"


async def no_future() -> int:
    return 7


def test_what_meets_no_future_is_done_at_once():
    assert to_completion(no_future)() == 7
    assert as_future(no_future(), same).value() == 7


def test_a_future_where_none_is_expected():
    with pytest.raises(RuntimeError, match="a future was waited for"):
        to_completion(total)(Future())


def test_all_of_several_are_waited_for():
    one, other = Future[int](), Future[int]()
    later = as_future(total(one, other), same)
    other.set_result(2)
    assert not later.done()
    one.set_result(5)
    assert later.value() == 7


def test_it_goes_on_from_one_future_to_the_next():
    futures, seen = [Future[int]() for _ in range(4)], list[int]()
    later = as_future(one_after_another(futures, seen), same)
    for number, future in enumerate(futures):
        assert seen == list(range(number))
        assert not later.done()
        future.set_result(number)
    assert (later.value(), seen) == ("done", [0, 1, 2, 3])


def test_futures_that_are_there_already():
    futures = [Future[int]() for _ in range(3)]
    for future in futures:
        future.set_result(1)
    assert as_future(total(*futures), same).value() == 3


def test_another_thread_completes_it():
    future, seen = Future[int](), list[Any]()

    async def waits() -> int:
        await AllDone([future])
        seen.extend([threading.current_thread().name, torch.is_grad_enabled()])
        return future.value()

    later = as_future(waits(), same)
    thread = threading.Thread(target=future.set_result, args=(3,), name="the other")
    thread.start()
    thread.join()
    assert later.wait() == 3
    assert seen == ["the other", False]


class Failure(Exception):
    """What goes wrong."""


def test_an_error_before_the_first_future_is_raised_here():
    async def waits() -> None:
        raise Failure("at once")

    with pytest.raises(Failure, match="at once"):
        as_future(waits(), same)


@pytest.mark.parametrize("where", ["the future", "the computation"])
def test_a_later_error_is_the_future_s_and_changed_on_its_way(where: str):
    future = Future[int]()

    async def waits() -> int:
        await AllDone([future])
        if where == "the computation":
            raise Failure("later")
        return future.value()

    def changed(error: Exception) -> Exception:
        assert type(error) is Failure
        return KeyError("changed")

    later = as_future(waits(), changed)
    if where == "the future":
        future.set_exception(Failure("later"))
    else:
        future.set_result(0)
    assert later.done()
    with pytest.raises(KeyError, match="changed"):
        later.value()


def test_then_makes_a_future_of_another_value():
    future = Future[int]()
    doubled = then(future, lambda value: 2 * value)
    future.set_result(4)
    assert doubled.value() == 8


@pytest.mark.parametrize("where", ["the future", "the change"])
def test_then_keeps_the_class_of_an_error(where: str):
    def change(value: int) -> int:
        raise Failure("in the change")

    future = Future[int]()
    changed = then(future, change)
    if where == "the future":
        future.set_exception(Failure("in the future"))
    else:
        future.set_result(1)
    with pytest.raises(Failure, match=f"in {where}"):
        changed.value()


def test_values_that_are_no_tensors():
    future = Future[Any]()
    later: Awaiting[Any] = total(future)
    answer = as_future(later, same)
    future.set_result(torch.tensor(3))
    assert int(answer.value()) == 3
