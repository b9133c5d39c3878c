// The worker with a key-value store that fails when it is told to: no part of the product. Everything else is the worker as it is deployed.
// PUT /__store/fault with `none`, `down` (every call fails) or `silent` (no call is answered), from now on; STORE_FAULT says what it begins with.
// PUT or DELETE /__store/<key> changes a value, past the admin door.
import worker from "./index.js";

let fault;

const behaving = (store) => {
  const call = (name) => (...given) => {
    if (fault === "down") return Promise.reject(new Error("KV is down"));
    if (fault === "silent") return new Promise(() => {});
    return store[name](...given);
  };
  return Object.fromEntries(["get", "getWithMetadata", "put", "list", "delete"].map((name) => [name, call(name)]));
};

const told = (env) => {
  fault ??= env.STORE_FAULT;
  return { ...env, STORE: behaving(env.STORE) };
};

export default {
  async fetch(request, env, context) {
    const behaved = told(env);
    const [, door, ...key] = new URL(request.url).pathname.split("/");
    if (door !== "__store") return worker.fetch(request, behaved, context);
    const body = await request.arrayBuffer();
    if (key[0] === "fault") fault = new TextDecoder().decode(body);
    else if (request.method === "DELETE") await env.STORE.delete(key.join("/"));
    else await env.STORE.put(key.join("/"), body);
    return new Response("done\n");
  },
  queue: (batch, env, context) => worker.queue(batch, told(env), context),
  scheduled: (event, env, context) => worker.scheduled(event, told(env), context),
};
