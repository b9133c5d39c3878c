// The entry of `edge/examples/null-worker.rs`, as the build tool of the crate `worker` writes it.
import { WorkerEntrypoint } from "cloudflare:workers";
import * as wasm from "./index.js";

export default class extends WorkerEntrypoint {
  fetch(request) {
    return wasm.fetch.call(this, request, this.env, this.ctx);
  }
}
