// `/pulso.js`: esbuild bundles this with the output of wasm-bindgen and the wasm itself into one file.
import init, { Pulso } from "PULSO_GLUE";
import wasm from "PULSO_WASM";

// Known only now, while the tag's own script runs; after the first `await` it is `null`.
const script = document.currentScript;

function start() {
  const { portal = "", endpoint, consent, page, item } = script.dataset;
  const origin = endpoint || new URL(script.src, document.baseURI).origin;
  const mode = consent || PULSO_CONSENT_DEFAULTS[portal] || "cookieless";
  window.pulso = Pulso.start(portal, origin, mode, page, item);
}

if (!script) {
  console.error("pulso: load it with a script tag of its own: <script async src=\"/pulso.js\" data-portal=\"…\"></script>");
} else if (!("pulso" in window)) {
  // A second tag on the same page must not count everything twice.
  window.pulso = undefined;
  init({ module_or_path: wasm }).then(start, (reason) => console.error("pulso: this browser or the page's CSP (script-src 'wasm-unsafe-eval') refuses WebAssembly:", reason));
}
