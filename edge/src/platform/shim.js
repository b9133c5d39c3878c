// The worker's entry: hands the platform's events to the wasm, and starts the wasm afresh when it died.
//
// A Rust panic unwinds and fails its own request only. What does end as a WebAssembly.RuntimeError (a stack overflow, no memory)
// leaves the module's memory in an unknown state: wasm-bindgen's reset function makes a new instance, without which every later
// request of this isolate would fail.
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
const ended = (error) => {
  note(error);
  throw error;
};
addEventListener("error", (event) => note(event.error));

// Every event begins in a living instance.
function revive() {
  if (!state.criticalError) return;
  wasm.__wbg_reset_state();
  forget();
  state.criticalError = false;
  state.instanceId++;
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

// A plain object: an instance of `WorkerEntrypoint` for each request costs 9 % of a POST's CPU.
export default {
  async fetch(request, env, context) {
    revive();
    try {
      return await (isPageview(request) ? collect : wasm.fetch)(request, env, context);
    } catch (error) {
      note(error);
      return unavailable();
    }
  },
  async queue(batch, env, context) {
    revive();
    return wasm.queue(countedMessages(batch), env, context).catch(ended);
  },
  async scheduled(event, env, context) {
    revive();
    return wasm.scheduled(event, env, context).catch(ended);
  },
};
