// POST /pageview: everything that waits. What to do is the wasm's to say, in calls that never wait themselves: no Rust future of one
// request is ever resumed by another, which may happen to promises only (compatibility date after 2024-10-14).
// Group commit is described in edge/src/delivery/lanes.rs.
import * as wasm from "./index.js";
import { facts } from "./http.js";
import { pairs, post, within } from "./transport.js";

const BODY_BYTES_MAX = 65_536;
// A body that has not arrived by then does not hold its request open any longer: 64 KiB take 10 s at 52 kbit/s, slower than 2G.
const BODY_DEADLINE_MS = 10_000;
// Roles of a seat; edge/src/platform/page.rs says them.
const ALONE = 0, LEAD = 1, LEAD_AFTER = 2;
// Why there is no body; edge/src/handle/pageview.rs knows them.
const TOO_LARGE = 1, LATE = 2, BROKEN = 3;
// Two limits and the day's salt, and midnight may pass meanwhile.
const PREPARATIONS_MAX = 5;
const HEADERS = {
  "content-type": "application/json",
  "x-content-type-options": "nosniff",
  vary: "Origin",
};

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

// The body's bytes, or a number that says why there are none. `request.body` costs a stream: it is only asked for where no length is announced.
async function bodyOf(request) {
  const announced = request.headers.get("content-length");
  if (announced > BODY_BYTES_MAX) return TOO_LARGE;
  try {
    // Who announced a length is held to it by HTTP itself.
    const body = announced || !request.body ? request.arrayBuffer() : streamed(request.body);
    const got = (await within(BODY_DEADLINE_MS, body)) ?? LATE;
    return got instanceof ArrayBuffer ? new Uint8Array(got) : got;
  } catch {
    return BROKEN;
  }
}

// What to wait at most for the flight before, for a leader, for Kinesis; and where that is.
let gatherMaxMs, followerDeadlineMs, callDeadlineMs, url;

// Who sends a flight, by its number.
const senders = new Map();

// A new instance of the wasm knows nothing of the flights of the old one.
export const forget = () => senders.clear();

// Makes a flight's call, and says what that means for a seat. `undefined`: somebody else has made it.
async function make([headers, bytes], flight, index, origin, env) {
  if (bytes) {
    const signed = headers ?? wasm.sign(env, new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
    const [status, text, atMs] = signed ? await post(url, pairs(signed), bytes, callDeadlineMs) : [0, "unsigned", NaN];
    const told = wasm.land(env, flight, index, status, text, atMs, origin);
    if (told !== undefined) return told;
  }
  await wasm.finish(env, flight);
  return wasm.claim(env, flight, index, origin);
}

// Sends a flight, unless somebody else has.
async function send(flight, index, origin, env) {
  const call = wasm.depart(env, flight);
  return call && make(call, flight, index, origin, env);
}

async function sendAfter(after, flight, index, origin, env) {
  const before = senders.get(after);
  if (before) await within(gatherMaxMs, before).catch(() => {});
  return send(flight, index, origin, env);
}

// From now on others depend on it, whether or not this page waits for its answer.
async function lead(sending, flight, context) {
  context.waitUntil(sending);
  senders.set(flight, sending);
  try {
    return await sending;
  } finally {
    senders.delete(flight);
  }
}

// What a seat is told: the body of a 202, or a response.
async function told([flight, index, role, given], origin, env, context) {
  if (role === ALONE) return make(given, flight, index, origin, env);
  if (role === LEAD) return lead(make(given, flight, index, origin, env), flight, context);
  if (role === LEAD_AFTER) {
    const answer = await lead(sendAfter(given, flight, index, origin, env), flight, context);
    if (answer !== undefined) return answer;
  }
  // A leader that failed is like one that is late.
  await within(followerDeadlineMs, senders.get(flight)).catch(() => {});
  const answer = await wasm.claim(env, flight, index, origin);
  return answer ?? lead(send(flight, index, origin, env), flight, context);
}

export async function collect(request, env, context) {
  if (!url) [url, gatherMaxMs, followerDeadlineMs, callDeadlineMs] = wasm.settings(env);
  const said = facts(request, env.PULSO_ENV === "dev");
  const body = await bodyOf(request);
  if (typeof body === "number") return refused(wasm.refuse_body(env, said, body), context);
  let asked = 0;
  let boarded = wasm.board(env, said, body, asked);
  for (let tries = 0; boarded instanceof Promise && tries < PREPARATIONS_MAX; tries++) {
    const found = await boarded;
    if (typeof found !== "number") return found;
    asked |= found;
    boarded = wasm.board(env, said, body, asked);
  }
  if (boarded.length === 2) return refused(boarded, context);
  const origin = request.headers.get("origin");
  const answer = await told(boarded, origin, env, context);
  if (typeof answer !== "string") {
    context.waitUntil(wasm.tell_trouble(env));
    return answer;
  }
  return new Response(answer, { status: 202, headers: { ...HEADERS, "access-control-allow-origin": origin } });
}

function refused([answer, keeping], context) {
  if (keeping) context.waitUntil(keeping);
  return answer;
}
