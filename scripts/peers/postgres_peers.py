"""What other queues on PostgreSQL do on the same server: durable batch enqueue, and processing jobs that do nothing.

Usage: postgres_peers.py procrastinate|pgqueuer URL COUNT BATCH   prints: enqueue/s, processed/s
"""
import asyncio
import sys
import time


async def procrastinate(url, count, batch):
    from procrastinate import App, PsycopgConnector

    app = App(connector=PsycopgConnector(conninfo=url))

    @app.task(name="nothing", queue="bench")
    async def nothing(payload):
        pass

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        start = time.perf_counter()
        for _ in range(count // batch):
            await nothing.batch_defer_async(*[{"payload": "x" * 200} for _ in range(batch)])
        enqueued = count / (time.perf_counter() - start)
        start = time.perf_counter()
        await app.run_worker_async(queues=["bench"], concurrency=100, wait=False, listen_notify=False, delete_jobs="successful")
        return enqueued, count / (time.perf_counter() - start)


async def pgqueuer(url, count, batch):
    import asyncpg
    from pgqueuer import PgQueuer
    from pgqueuer.db import AsyncpgDriver
    from pgqueuer.types import QueueExecutionMode

    connection = await asyncpg.connect(url)
    queue = PgQueuer(AsyncpgDriver(connection))
    await queue.qm.queries.install()

    @queue.entrypoint("nothing")
    async def nothing(job):
        pass

    start = time.perf_counter()
    for _ in range(count // batch):
        await queue.qm.queries.enqueue(["nothing"] * batch, [b"x" * 200] * batch, [0] * batch)
    enqueued = count / (time.perf_counter() - start)
    start = time.perf_counter()
    await queue.run(batch_size=batch, mode=QueueExecutionMode.drain)
    return enqueued, count / (time.perf_counter() - start)


async def main():
    name, url, count, batch = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    rates = await {"procrastinate": procrastinate, "pgqueuer": pgqueuer}[name](url, count, batch)
    print(int(rates[0]), int(rates[1]))


asyncio.run(main())
