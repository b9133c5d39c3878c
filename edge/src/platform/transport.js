// A call out of the worker: one crossing from wasm, where a fetch through `worker::Fetch` costs about 65 µs of CPU more.

// What a promise comes to, or `undefined` once the time is over. What is late goes on without us, until its request ends.
// By `await` alone: a callback of ours on a promise of another request would run in that one's context, clear its timers, and let this
// request's work go on over there ("Cannot perform I/O on behalf of a different request").
export async function within(ms, promise) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

// `{name: value}` of names and values, a line each.
export function pairs(lines) {
  const texts = lines.split("\n");
  const headers = {};
  for (let i = 0; i + 1 < texts.length; i += 2) headers[texts[i]] = texts[i + 1];
  return headers;
}

async function answered(url, headers, body) {
  const answer = await fetch(url, { method: "POST", headers, body, redirect: "manual" });
  // Only who is refused has to learn what time it is there.
  const atMs = answer.ok ? NaN : Date.parse(answer.headers.get("date"));
  return [answer.status, await answer.text(), atMs];
}

// Returns [status, body, time of the service in Unix milliseconds or NaN], or [0, reason] when there was no whole answer
// within the deadline. Not `AbortSignal.timeout`, which costs 7 % of a POST's CPU.
export async function post(url, headers, body, deadlineMs) {
  try {
    return (await within(deadlineMs, answered(url, headers, body))) ?? [0, "timeout", NaN];
  } catch {
    return [0, "network", NaN];
  }
}

// The same for wasm.
export const post_lines = (url, lines, body, deadlineMs) => post(url, pairs(lines), body, deadlineMs);
