// The pages on which the scenarios play: small, made here, each with the tracker as a portal would embed it.

export const NONCE = "cGFnaW5h";
/** Below the folder of a scenario's pages: the edge once more. */
export const EDGE = "edge";
/** What a page can say of itself, and the attribute of the script tag. */
const ATTRIBUTES = {
  portal: "portal", endpoint: "endpoint", consent: "consent", page: "page", item: "item", content: "content",
  hash: "hash", idleWindowMs: "idle-window-ms", exclude: "exclude", manual: "manual",
};

export const STUB =
  `<script>window.pulso??=new Proxy([],{get:(q,k)=>k=="q"?q:(...a)=>new Promise(r=>q.push([k,a,r]))})</script>`;

/** The tracker on a page, in one shell or the other. `folder`: whose page it is, so that what the script itself asks for names it too. */
export function tracker(shell, folder, options = {}) {
  const all = { portal: "g1", ...options };
  if (shell === "npm") {
    // An address of the edge that names the page: what stands in where WebAssembly is refused is asked for from there.
    const said = `{ endpoint: location.origin + "${folder}${EDGE}", ...${JSON.stringify(all)} }`;
    return `<script type="module" nonce="${NONCE}">import { start } from "/npm/pulso.js?de=${folder}"; window.pulso = await start(${said})</script>`;
  }
  const attributes = Object.entries(all).filter(([, value]) => value !== false);
  const written = attributes.map(([name, value]) => `data-${ATTRIBUTES[name]}="${value === true ? "" : value}"`);
  return `<script async src="/pulso.js?de=${folder}" ${written.join(" ")}></script>`;
}

const paragraphs = (count) => Array.from({ length: count }, (_, n) => `<p style="height:180px">Parágrafo ${n + 1}.</p>`).join("\n");

/** About 6,000 pixels. */
export const article = () => `<h1>Notícia</h1>\n${paragraphs(30)}`;

/** Wraps the tracker, or several, or none, into a page. `title` is what the pageview has to carry. */
export function html({ title, head = "", body = article(), tags = "" }) {
  return `<!doctype html><html lang="pt-BR"><head><meta charset="utf-8"><title>${title}</title><link rel="icon" href="data:,">
<style>body{margin:8px}p{margin:0}</style>${head}${tags}</head><body>${body}</body></html>`;
}

/** A tone of so many seconds as a WAV file. */
export function tone(seconds) {
  const rate = 8000;
  const samples = Buffer.from(Uint8Array.from({ length: rate * seconds }, (_, n) => 128 + Math.round(8 * Math.sin(n / 3))));
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + samples.length, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(rate, 28);
  head.writeUInt16LE(1, 32);
  head.writeUInt16LE(8, 34);
  head.write("data", 36);
  head.writeUInt32LE(samples.length, 40);
  return Buffer.concat([head, samples]);
}

/** A picture of so many pixels. */
export const picture = (height) => `<svg xmlns="http://www.w3.org/2000/svg" width="600" height="${height}"><rect width="600" height="${height}" fill="#8ac"/></svg>`;
