"""Calls that come together are decided together, and each is judged by itself."""

from __future__ import annotations

import asyncio

from banditcore.client import AsyncClient
from banditcore.errors import BanditcoreError, Conflict, InvalidInput, NotFound

CONTEXT = {"age": 30.0, "country": "DE", "member": True}


async def together(target: str) -> list[object]:
    """One packet of calls: good ones, one request id five times, and four kinds of bad ones."""
    async with AsyncClient(target, timeout_s=10.0) as client:
        calls = [client.decide("shop", f"together-{n}", CONTEXT) for n in range(60)]
        calls += [client.decide("shop", "again", CONTEXT, request_id="together-1") for _ in range(5)]
        calls += [
            client.decide("nowhere", "ann", CONTEXT),
            client.decide("shop", "", CONTEXT),
            client.decide("shop", "ann", {**CONTEXT, "age": float("nan")}),
        ]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        # Afterwards, since nothing says which of two calls that share an id and travel together comes first.
        late = client.decide("shop", "someone else", CONTEXT, request_id="together-1")
        return answers + await asyncio.gather(late, return_exceptions=True)


def test_each_call_gets_its_own_answer(server, wire):
    before = wire.counts()["decision"]
    answers = asyncio.run(together(server.target))
    good, again, bad = answers[:60], answers[60:65], answers[65:]
    assert not any(isinstance(answer, BaseException) for answer in good)
    assert len({answer.id for answer in good}) == 60
    assert len({answer.id for answer in again}) == 1
    assert sum(not answer.duplicate for answer in again) == 1
    assert [type(error) for error in bad] == [NotFound, InvalidInput, InvalidInput, Conflict]
    assert all(isinstance(error, BanditcoreError) for error in bad)
    assert [error.field for error in bad] == ["experiment", "unit", "attributes.age", "request_id"]
    assert wire.counts()["decision"] == before + 61


def test_callers_who_gave_up_do_not_hold_up_the_rest(server):
    async def run() -> int:
        async with AsyncClient(server.target, timeout_s=10.0) as client:
            tasks = [asyncio.create_task(client.decide("shop", f"hasty-{n}", CONTEXT)) for n in range(40)]
            await asyncio.sleep(0.002)
            for task in tasks[::2]:
                task.cancel()
            answers = await asyncio.gather(*tasks[1::2])
            return len({answer.id for answer in answers})

    assert asyncio.run(run()) == 20


def test_rewards_that_come_together_are_judged_one_by_one(server) -> None:
    async def run() -> None:
        async with AsyncClient(server.target) as client:
            ids = [(await client.decide("shop", f"paid-{n}", CONTEXT)).id for n in range(8)]
            good = [client.record_reward(decision, "click", 1.0, key=f"{n}") for decision in ids for n in range(5)]
            again = [client.record_reward(ids[0], "click", 1.0, key="0") for _ in range(4)]
            bad = [
                client.record_reward(ids[0], "click", 0.0, key="0"),
                client.record_reward(ids[0], "nothing", 1.0),
                client.record_reward("0" * 48, "click", 1.0),
                client.record_reward(ids[0], "click", 7.0, key="x"),
            ]
            results = await asyncio.gather(*good, *again, *bad, return_exceptions=True)
            taken, refused = results[: len(good) + len(again)], results[-len(bad) :]
            # Whichever of the five that are alike was first, the other four are repetitions of it.
            assert sum(result.duplicate for result in taken) == len(again)
            assert [type(error) for error in refused] == [Conflict, InvalidInput, NotFound, InvalidInput]

    asyncio.run(run())
