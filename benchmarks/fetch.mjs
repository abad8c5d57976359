// Makes payments with Node's fetch until its time is up, and says how many.
// Usage: fetch.mjs PORT SECONDS AT_ONCE BODY. It prints {"requests": …, "seconds": …}.

const [port, seconds, atOnce, body] = process.argv.slice(2);
const url = `http://127.0.0.1:${port}/v3/payments`;
const headers = { Authorization: "Bearer sk_test_sandbox", "Content-Type": "application/json" };
const started = performance.now();
const until = started + Number(seconds) * 1000;

async function work() {
  let done = 0;
  for (; performance.now() < until; done++) {
    const reply = await fetch(url, { method: "POST", headers, body });
    if (reply.status !== 201) throw new Error(`${reply.status} ${await reply.text()}`);
    await reply.json();
  }
  return done;
}

const counts = await Promise.all(Array.from({ length: Number(atOnce) }, work));
const requests = counts.reduce((sum, count) => sum + count, 0);
console.log(JSON.stringify({ requests, seconds: (performance.now() - started) / 1000 }));
