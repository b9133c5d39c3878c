// POST /pageview: everything that waits. What to do is the wasm's to say, in calls that never wait themselves: no Rust future of one
// request is ever resumed by another, which may happen to promises only (compatibility date after 2024-10-14).
// Group commit is described in edge/src/delivery/lanes.rs.
import * as wasm from "./index.js";
import { facts } from "./facts.js";
import { post } from "./transport.js";

const BODY_BYTES_MAX = 65_536;
// A body that has not arrived by then does not hold its request open any longer: 64 KiB take 10 s at 52 kbit/s, slower than 2G.
const BODY_DEADLINE_MS = 10_000;
// Why there is no body; edge/src/handle/pageview.rs knows them.
const TOO_LARGE = 1, LATE = 2, BROKEN = 3;
// Salts are read from KV, and midnight may pass meanwhile.
const PREPARATIONS_MAX = 3;
const HEADERS = {
  "content-type": "application/json",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  vary: "Origin",
  "access-control-expose-headers": "Retry-After",
};

// What a promise comes to, or `undefined` once the time is over. What is late goes on without us.
async function within(ms, promise) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

// The cap holds while the bytes come.
async function streamed(stream) {
  const chunks = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.byteLength;
    if (length > BODY_BYTES_MAX) return TOO_LARGE;
    chunks.push(chunk);
  }
  const body = new Uint8Array(length);
  for (const chunk of chunks.reverse()) body.set(chunk, (length -= chunk.byteLength));
  return body;
}

// The body's bytes, or a number that says why there are none.
async function bodyOf(request) {
  if (!request.body) return new Uint8Array();
  const announced = request.headers.get("content-length");
  if (announced > BODY_BYTES_MAX) return TOO_LARGE;
  try {
    // Who announced a length is held to it by HTTP itself.
    const body = announced ? request.arrayBuffer() : streamed(request.body);
    const got = (await within(BODY_DEADLINE_MS, body)) ?? LATE;
    return got instanceof ArrayBuffer ? new Uint8Array(got) : got;
  } catch {
    return BROKEN;
  }
}

// Who sends a flight, by its number.
const senders = new Map();

// A new instance of the wasm knows nothing of the flights of the old one.
export const forget = () => senders.clear();

// For the flight before, for a leader, for Kinesis.
let deadlines;

// Sends a flight, unless somebody else has.
async function send(flight, env) {
  const call = wasm.depart(env, flight);
  if (!call) return;
  if (call.length) {
    const [url, headers, bytes] = call;
    const signed = headers ?? wasm.sign(env, new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
    const [status, text, atMs] = signed ? await post(url, signed, bytes, deadlines[2]) : [0, "unsigned", NaN];
    if (wasm.land(env, flight, status, text, atMs)) return;
  }
  await wasm.finish(env, flight);
}

async function lead(flight, after, env) {
  try {
    const before = after && senders.get(after);
    if (before) await within(deadlines[0], before).catch(() => {});
    await send(flight, env);
  } finally {
    senders.delete(flight);
  }
}

async function seated([flight, index, isLeader, after], origin, env, context) {
  deadlines ??= wasm.deadlines_ms();
  if (isLeader) {
    const sending = lead(flight, after, env);
    senders.set(flight, sending);
    // From now on others depend on it, whether or not this page waits for its answer.
    context.waitUntil(sending);
    await sending;
  } else {
    // A leader that failed is like one that is late.
    await within(deadlines[1], senders.get(flight)).catch(() => {});
  }
  const told = wasm.claim(env, flight, index, origin);
  if (told !== undefined) return told;
  const sending = send(flight, env);
  context.waitUntil(sending);
  await sending;
  return wasm.claim(env, flight, index, origin);
}

export async function collect(request, env, context) {
  const said = facts(request, env.PULSO_ENV === "dev");
  const body = await bodyOf(request);
  if (typeof body === "number") return refused(wasm.refuse_body(env, said, body), context);
  let boarded;
  for (let tries = 0; tries < PREPARATIONS_MAX && !(boarded = wasm.board(env, said, body)); tries++) await wasm.prepare(env);
  if (boarded.length === 2) return refused(boarded, context);
  const origin = request.headers.get("origin");
  const told = await seated(boarded, origin, env, context);
  if (typeof told !== "string") return told;
  return new Response(told, { status: 202, headers: { ...HEADERS, "access-control-allow-origin": origin } });
}

function refused([answer, keeping], context) {
  if (keeping) context.waitUntil(keeping);
  return answer;
}
