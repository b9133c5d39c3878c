// The worker's entry: hands the platform's events to the wasm, and starts the wasm afresh when it died.
//
// A Rust panic unwinds and fails its own request only. What does end as a WebAssembly.RuntimeError (a stack overflow, no memory)
// leaves the module's memory in an unknown state: wasm-bindgen's reset function makes a new instance, without which every later
// request of this isolate would fail.
import { WorkerEntrypoint } from "cloudflare:workers";
import * as wasm from "./index.js";
import { collect, forget } from "./page.js";

// Shared with the panic hook of the crate `worker`, which sets `criticalError`.
const state = wasm.__worker_init_state();

const note = (error) => {
  if (error instanceof WebAssembly.RuntimeError) {
    console.error(JSON.stringify({ event: "wasm_died", what: error.message }));
    state.criticalError = true;
  }
};
addEventListener("error", (event) => note(event.error));

// Runs one of the wasm's handlers in a living instance.
async function run(handler, entrypoint, event) {
  if (state.criticalError) {
    wasm.__wbg_reset_state();
    forget();
    state.criticalError = false;
    state.instanceId++;
  }
  try {
    return await handler.call(entrypoint, event, entrypoint.env, entrypoint.ctx);
  } catch (error) {
    note(error);
    throw error;
  }
}

// Bytes that are text are that text; others are named, so that their dead letter has all of them.
const readable = (body) => {
  if (!(body instanceof ArrayBuffer)) return body;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    const text = Array.from(new Uint8Array(body), (byte) => String.fromCharCode(byte)).join("");
    return `data:application/octet-stream;base64,${btoa(text)}`;
  }
};

// The crate `worker` reads neither a message's `attempts` nor plain text, so both travel in its body.
const countedMessages = (batch) => ({
  queue: batch.queue,
  messages: batch.messages.map((message) => ({
    id: message.id,
    timestamp: message.timestamp,
    body: [message.attempts, readable(message.body)],
    ack: () => message.ack(),
    retry: (options) => message.retry(options),
  })),
});

// A bug of ours is no fault of the page's: like every 503 this says "keep it and send it again".
const unavailable = () =>
  new Response('{"error":{"code":"unavailable","message":"the service cannot take this now, send it again later"}}', {
    status: 503,
    headers: { "content-type": "application/json", "retry-after": "5", "cache-control": "no-store" },
  });

const PAGEVIEW = /^[^?#]*:\/\/[^/]*\/pageview(?:[?#]|$)/;
const isPageview = (request) => request.method === "POST" && PAGEVIEW.test(request.url);

export default class extends WorkerEntrypoint {
  async fetch(request) {
    try {
      return await run(isPageview(request) ? collect : wasm.fetch, this, request);
    } catch {
      return unavailable();
    }
  }
  queue(batch) {
    return run(wasm.queue, this, countedMessages(batch));
  }
  scheduled(event) {
    return run(wasm.scheduled, this, event);
  }
}
