"""Product look-up over HTTP as a till asks, beside a handler that says hello.

Everything of the contract is done: token, whether the terminal may still be served, row-level security, price rules,
taxes. A hit finds the product in the process's cache; a miss reads it from PostgreSQL, and no barcode misses twice.
Handlers take turns; the load is the same for each: some connections that ask again as soon as they have the answer.
"""

import statistics
from typing import Final

from benchmarks import cpu, load
from benchmarks.assortment import barcode_of, import_products
from benchmarks.figures import Figure, Scale, at_least, duration, ratios
from benchmarks.hello import hello
from benchmarks.stage import stage

connections: Final = 8
asked_full: Final = 1_200
asked_quick: Final = 300
hit_wanted: Final = 0.80
miss_wanted: Final = 0.15


async def measure(scale: Scale) -> list[Figure]:
    asked = asked_quick if scale.quick else asked_full
    misses = asked // 4
    async with stage() as there, hello() as (port, hello_pid):
        set_up = there.set_up()
        till = await set_up.till(await set_up.shop(), await set_up.location("L0"), "Till 0")
        await import_products(there, misses * (scale.rounds + 1))
        scale.say(f"{misses * (scale.rounds + 1):,} products are there")
        says: list[float] = []
        hits: list[float] = []
        missed: list[float] = []
        spent: list[tuple[float, float, float]] = []
        for turn in range(scale.rounds + 1):  # the first warms up
            before = there.cpu_seconds()
            new = [_look_up(till.token, barcode_of(turn * misses + number)) for number in range(misses)]
            miss = await _a_second(there.central.port, new)
            between = there.cpu_seconds()
            hit = await _a_second(there.central.port, [_look_up(till.token, barcode_of(turn * misses))] * asked)
            after, quiet = there.cpu_seconds(), cpu.of_tree(hello_pid)
            said = await _a_second(port, [_get("/", "")] * asked)
            if turn:
                says.append(said)
                hits.append(hit)
                missed.append(miss)
                said_cpu = cpu.of_tree(hello_pid) - quiet
                spent.append(((after - between) / asked, (between - before) / misses, said_cpu / asked))
                scale.say(f"round {turn}: hello {said:,.0f}/s, hit {hit:,.0f}/s, miss {miss:,.0f}/s")
    of_hit, of_miss, of_hello = (statistics.median(column) for column in zip(*spent, strict=True))
    floor = f"hello {_median(says)}/s"
    of_hits, of_misses = ratios(hits, says), ratios(missed, says)
    return [
        Figure(
            "look-up, in the cache",
            f"{_median(hits)}/s",
            floor,
            of_hits,
            at_least(hit_wanted, of_hits, must=False),
            _cpu(of_hit, of_hello),
        ),
        Figure(
            "look-up, not in the cache",
            f"{_median(missed)}/s",
            floor,
            of_misses,
            at_least(miss_wanted, of_misses, must=False),
            _cpu(of_miss, of_hello),
        ),
    ]


def _cpu(ours: float, hello: float) -> str:
    return f"CPU of central and PostgreSQL {duration(ours)}, of hello {duration(hello)}"


async def _a_second(port: int, requests: list[bytes]) -> float:
    taken = await load.run("127.0.0.1", port, [requests[number::connections] for number in range(connections)])
    return len(requests) / taken.seconds


def _look_up(token: str, barcode: str) -> bytes:
    return _get(f"/v1/products/lookup?barcode={barcode}", f"Authorization: Bearer {token}\r\n")


def _get(path: str, headers: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\n{headers}\r\n".encode()


def _median(figures: list[float]) -> str:
    return f"{sorted(figures)[len(figures) // 2]:,.0f}"
