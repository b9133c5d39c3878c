// What stands between the browsers and the real worker: serves the scenarios' pages, keeps every body with the worker's
// own verdict, plays a collector in trouble where a scenario asks for it, and is the proxy that sees requests to strangers.

import http from "node:http";

import { EDGE } from "./pages.mjs";
import { planted } from "./plant.mjs";

const SHOWING = /\/t\/([a-z0-9-]+)\//;
/** The edge, asked for below a scenario's pages, so that the address itself says whose request it is. */
const OWN_EDGE = new RegExp(`^/t/[a-z0-9-]+/${EDGE}(?=/)`);
const BODY_BYTES_MAX = 1 << 20;

export class Front {
  #worker;
  #server;
  #pages = new Map();
  #faults = new Map();
  #delays = new Map();
  #plants = new Map();
  #held = new Set();
  /** Requests of scenario pages: {at, id, method, path}, and the status of what the worker answered. */
  requests = [];
  /** Posted bodies: {at, id, batch, headers, fault, status, answer}. */
  records = [];
  /** Hosts that are neither ours nor the worker's: {at, host, id}. */
  strangers = [];

  constructor({ port, workerPort, plant }) {
    this.port = port;
    this.plant = plant;
    this.#worker = { host: "127.0.0.1", port: workerPort };
    this.#server = http.createServer((request, response) => {
      this.#serve(request, response).catch((error) => {
        if (!response.headersSent) response.writeHead(502);
        response.end(String(error));
      });
    });
    this.#server.on("connect", (request, socket) => {
      this.#stranger(request.url, request.headers);
      socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
    });
    // A browser that is closed in the middle of a request is no error of ours.
    this.#server.on("clientError", (_, socket) => socket.destroy());
  }

  listen() {
    return new Promise((resolve, reject) => this.#server.once("error", reject).listen(this.port, "127.0.0.1", resolve));
  }

  close() {
    for (const release of this.#held) release();
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(resolve));
  }

  /** Where the pages of a scenario live. */
  origin(portal = "g1") {
    return `http://${portal}.localhost:${this.port}`;
  }

  /** Serves `body` at a path below `/t/<id>/` from now on. */
  page(path, body, headers = {}) {
    this.#pages.set(path, { body, headers: { "content-type": "text/html; charset=utf-8", ...headers } });
  }

  /** The collector of a scenario falls ill: {kind: "503" | "slow" | "never" | "mute" | "drop", …}. */
  fault(id, fault) {
    this.#faults.set(id, fault);
  }

  /** It is well again. What was never answered is cut. */
  heal(id) {
    this.#faults.delete(id);
    for (const release of this.#held) if (release.id === id) release();
  }

  /** A scenario gets the tracker with a bug. */
  plantFor(id, name) {
    this.#plants.set(id, name);
  }

  /** Keeps back what the scenario asks for by a path that matches, until `ready` is done. */
  delay(id, pattern, ready) {
    this.#delays.set(id, { pattern, ready });
  }

  async #serve(request, response) {
    if (!request.url.startsWith("/")) return this.#proxy(request, response);
    const referer = request.headers.referer ?? "";
    let id = SHOWING.exec(request.url)?.[1] ?? SHOWING.exec(referer)?.[1];
    request.url = request.url.replace(OWN_EDGE, "");
    const path = request.url.split("?")[0];
    const body = request.method === "POST" ? await read(request) : undefined;
    const isCollect = request.method === "POST" && path === "/pageview";
    const batch = isCollect ? parse(body) : undefined;
    id = SHOWING.exec(batch?.url ?? "")?.[1] ?? id;
    const heard = { at: Date.now(), id, method: request.method, path };
    this.requests.push(heard);
    if (isCollect) return this.#collect({ at: Date.now(), id, batch, headers: request.headers }, request, body, response);
    const delay = this.#delays.get(id);
    if (delay?.pattern.test(path)) await delay.ready;
    const page = this.#pages.get(path);
    if (page) {
      response.writeHead(200, { "cache-control": "no-cache", ...page.headers });
      return response.end(page.body);
    }
    if (SHOWING.test(path)) {
      response.writeHead(404).end();
      return undefined;
    }
    const answer = await this.#ask(request, body);
    heard.status = answer.status;
    const plant = this.#plants.get(id) ?? this.plant;
    if (plant && /pulso\.js$/.test(path)) return planted(plant, answer, response);
    response.writeHead(answer.status, answer.headers).end(answer.body);
    return undefined;
  }

  async #collect(record, request, body, response) {
    this.records.push(record);
    const fault = this.#faults.get(record.id);
    record.fault = fault?.kind;
    const held = (ms) => new Promise((resolve) => {
      const release = () => resolve(this.#held.delete(release));
      release.id = record.id;
      this.#held.add(release);
      if (ms) setTimeout(release, ms);
    });
    if (fault?.kind === "503") {
      response.writeHead(503, { "retry-after": String(fault.retryAfter ?? 1), "access-control-allow-origin": "*" }).end();
      return;
    }
    if (fault?.kind === "drop") return request.socket.destroy();
    if (fault?.kind === "never") {
      await held();
      return request.socket.destroy();
    }
    const answer = await this.#ask(request, body);
    record.answer = parse(answer.body);
    record.status = answer.status;
    if (fault?.kind === "slow") await held(fault.ms);
    if (fault?.kind === "mute") return request.socket.destroy();
    if (!response.destroyed) response.writeHead(answer.status, answer.headers).end(answer.body);
  }

  #stranger(address, headers) {
    this.strangers.push({ at: Date.now(), host: new URL(address.includes("://") ? address : `https://${address}`).hostname, referer: headers.referer });
  }

  /** Strangers answer with an empty page: no request of a scenario ever leaves this machine. */
  #proxy(request, response) {
    this.#stranger(request.url, request.headers);
    response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>outra</title>");
  }

  #ask(request, body) {
    return new Promise((resolve, reject) => {
      // An answer that is not compressed can be read here.
      const { connection, "accept-encoding": _, ...headers } = request.headers;
      const forwarded = http.request({ ...this.#worker, method: request.method, path: request.url, headers }, async (answer) => {
        const { "transfer-encoding": __, connection: ___, ...kept } = answer.headers;
        resolve({ status: answer.statusCode, headers: kept, body: await read(answer) });
      });
      forwarded.on("error", reject);
      forwarded.end(body);
    });
  }
}

async function read(stream) {
  const chunks = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) throw new Error("a body of more than a megabyte");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parse(body) {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
