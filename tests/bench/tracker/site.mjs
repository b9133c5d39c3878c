// One page of the same content for every tracker, and the collector of all of them: every host is a site of its own.

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

import { CONTESTANTS } from "./contestants.mjs";

export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const FOLDER = `${ROOT}/target/bench-tracker`;
const PULSO_JS = process.env.PULSO_JS ?? `${ROOT}/target/tracker/pulso.js`;
const LINKS = 20;

const PARAGRAPH = `A três quilômetros da praia mais movimentada de Santa Brisa, a quinze metros de profundidade, existe um recife que
não constava em nenhuma carta náutica. Ele foi descrito nesta semana por um grupo da universidade estadual, depois de dois anos de
mergulhos e de mais de quarenta mil fotografias costuradas em um único mapa.`;

/** Bundles each tracker as a site would; gives back the file that its page loads. */
export function scripts() {
  mkdirSync(`${FOLDER}/site`, { recursive: true });
  return Object.fromEntries(CONTESTANTS.filter((each) => each.name !== "none").map((each) => [each.name, script(each)]));
}

function script(contestant) {
  if (contestant.name === "pulso") return readFileSync(PULSO_JS);
  const file = `${FOLDER}/site/${contestant.name}.js`;
  if (contestant.file) {
    copyFileSync(contestant.file, file);
  } else {
    const entry = `${FOLDER}/${contestant.name}.entry.mjs`;
    writeFileSync(entry, contestant.source);
    execFileSync(`${ROOT}/node_modules/.bin/esbuild`, [
      entry, "--bundle", "--format=iife", "--minify", "--target=es2020", "--log-level=error", `--outfile=${file}`,
    ]);
  }
  return readFileSync(file);
}

/** Bytes as they are, by gzip and by brotli at their best. */
export function sizes(bytes) {
  const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } });
  return { raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotli.length };
}

function page(contestant) {
  const tag = contestant.tag ?? (contestant.name === "none" ? "" : `<script async src="/t/${contestant.name}.js"></script>`);
  const links = Array.from({ length: LINKS }, (_, i) => `<p>${PARAGRAPH}</p><p><a id="l${i}" href="http://outro.example/x${i}">Leia a nota ${i}</a></p>`);
  return `<!doctype html><html lang="pt-BR"><head><meta charset="utf-8"><title>Recife de corais | g1</title>
<meta property="og:type" content="article"><link rel="icon" href="data:,">
<script>window.shown = [[Date.now(), document.visibilityState]];
document.addEventListener("visibilitychange", () => shown.push([Date.now(), document.visibilityState]));
document.addEventListener("click", (e) => e.target.closest("a") && e.preventDefault());
${contestant.head ?? ""}</script>
${tag}</head><body style="width:700px"><h1>Pesquisadores mapeiam recife de corais</h1><input id="busca">${links.join("\n")}${`<p>${PARAGRAPH}</p>`.repeat(40)}</body></html>`;
}

/** Starts the site on a free port of ours. `requests(host)`: what the host's collector got, in order. */
export async function start(port) {
  const files = scripts();
  const got = new Map();
  const server = createServer((request, response) => {
    const atMs = Date.now();
    const host = request.headers.host.split(":")[0];
    const url = new URL(request.url, `http://${request.headers.host}`);
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const answer = served(url, host, files);
      if (answer) return response.writeHead(200, { "content-type": answer.type, "cache-control": "no-store" }).end(answer.body);
      const list = got.get(host) ?? got.set(host, []).get(host);
      list.push({ atMs, method: request.method, url, body: Buffer.concat(chunks) });
      response.writeHead(url.pathname === "/pageview" || url.pathname === "/plausible" ? 202 : 200, { "content-type": "application/json" });
      response.end(collected(url));
    });
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  return { port, files, requests: (host) => got.get(host) ?? [], stop: () => { server.closeAllConnections(); server.close(); } };
}

/** `http://plausible-3.localhost/`: the host says which tracker the page has. */
function served(url, host, files) {
  const name = host.replace(/-\d+\.localhost$/, "");
  const contestant = CONTESTANTS.find((each) => each.name === name);
  if (url.pathname === "/artigo" && contestant) return { type: "text/html; charset=utf-8", body: page(contestant) };
  if (url.pathname === "/pulso.js") return { type: "text/javascript; charset=utf-8", body: files.pulso };
  const file = url.pathname.match(/^\/t\/(.+)\.js$/);
  return file && files[file[1]] ? { type: "text/javascript", body: files[file[1]] } : null;
}

function collected(url) {
  if (url.pathname === "/pageview") return '{"accepted":1,"rejected":[]}';
  // PostHog asks what its project has switched on.
  if (url.pathname.endsWith("/config")) return JSON.stringify({ supportedCompression: ["gzip", "gzip-js"], autocapture_opt_out: false, sessionRecording: false, hasFeatureFlags: false });
  return url.pathname === "/plausible" ? "ok" : "{}";
}
