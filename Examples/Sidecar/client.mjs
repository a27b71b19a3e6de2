// Hands operations to the sidecar, each again and again until it is on disk: node client.mjs URL
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

/** Returns the receipt. Throws for an operation that is wrong, and when the sidecar can't be reached in time. */
export async function enqueue(url, operation, patienceMs = 60_000) {
  const body = JSON.stringify({ id: randomUUID(), ...operation });
  const end = Date.now() + patienceMs;
  while (Date.now() < end) {
    try {
      const answer = await fetch(`${url}/v1/operations`, {
        method: "POST", headers: { "Content-Type": "application/json" }, body, signal: AbortSignal.timeout(10_000),
      });
      if (answer.ok) return await answer.json();
      const text = await answer.text();
      if (answer.status < 500 && answer.status !== 429) throw new TypeError(text);
    } catch (error) {
      if (error instanceof TypeError && error.cause === undefined) throw error;
    }
    await sleep(500);
  }
  throw new Error("not on disk in time");
}

const url = process.argv[2] ?? "http://127.0.0.1:8080";
for (let number = 0; number < 10; number++) {
  const receipt = await enqueue(url, {
    operation_type: "create", entity_type: "heart_rate", entity_id: `node-${number}`, payload: { bpm: 60 + number },
  });
  console.log(receipt.id, receipt.outcome);
}
