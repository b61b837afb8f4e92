"""One cache for all workers, in bounded memory."""

import asyncio
import re

import httpx
import psutil
import pytest

from e2e import chat
from e2e.waiting import until


def worker_requests(envoy):
    """Requests that each worker has served, by worker."""
    text = httpx.get(f"http://{envoy.admin}/stats?filter=worker_.*downstream_cx_total").text
    return [int(value) for value in re.findall(r"worker_\d+\.downstream_cx_total: (\d+)", text)]


def test_two_workers_share_the_cache(start_gateway):
    gateway = start_gateway(concurrency=2)
    body = chat.request(chat.unique())
    gateway.envoy.chat(body)

    def both_have_served():
        assert "; hit" in gateway.envoy.chat(body).headers["cache-status"]
        served = worker_requests(gateway.envoy)
        assert len(served) == 2
        return min(served) > 1

    until(both_have_served, "both workers to serve")
    assert len(gateway.mini.received) == 1


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_memory_stays_flat_over_100_000_distinct_prompts(start_gateway):
    gateway = start_gateway({"cache": {"exact": {"entries": 512, "bytes": 4_000_000}}})
    process = psutil.Process(gateway.envoy.process.pid)

    asyncio.run(ask_distinct(gateway.envoy.address, range(20_000)))
    warm = process.memory_info().rss
    asyncio.run(ask_distinct(gateway.envoy.address, range(20_000, 100_000)))
    grown = process.memory_info().rss - warm

    assert len(gateway.mini.received) == 100_000
    assert grown < 8_000_000, f"memory grew by {grown} bytes"
    latest = gateway.envoy.chat(prompt(99_999))
    assert "; hit" in latest.headers["cache-status"]


def prompt(number):
    return chat.request(f"Say the number {number}")


async def ask_distinct(address, numbers, connections=16):
    """Asks each prompt once over keep-alive connections; a small client of its own, for speed."""
    host, port = address.split(":")
    remaining = iter(numbers)

    async def ask():
        reader, writer = await asyncio.open_connection(host, int(port))
        for number in remaining:
            body = prompt(number)
            writer.write(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n"
                b"content-length: %d\r\n\r\n%s" % (len(body), body)
            )
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            await reader.readexactly(int(re.search(rb"content-length: (\d+)", head)[1]))
        writer.close()

    await asyncio.gather(*(ask() for _ in range(connections)))
