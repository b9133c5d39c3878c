// The npm package: loads the wasm once and hands out its functions. `cargo xtask build` bundles it with the glue of wasm-bindgen.
import { consent, identify, open, page, recommendations, start as run, stop, track } from "PULSO_GLUE";

// A file beside this one, not within: as base64 it would be a fourth larger on the wire. Bundlers know this way of naming it.
const wasm = new URL("pulso.wasm", import.meta.url);

let running;

const refuse = (wrong) => {
  if (wrong) throw new Error("pulso: " + wrong);
};

const begin = async (config) => {
  // A page that is rendered ahead of the reader may never be seen.
  if (document.prerendering) await new Promise((shown) => document.addEventListener("prerenderingchange", shown));
  await open(await (await fetch(wasm)).arrayBuffer());
  refuse(run({ ...config, endpoint: config?.endpoint || wasm.origin }));
  return {
    page,
    track,
    identify,
    consent: (mode) => refuse(consent(mode)),
    recommendations: async (options) => recommendations(options),
    stop: () => {
      stop();
      running = 0;
    },
  };
};

export const start = (config) =>
  // A second start on the same page must not count everything twice.
  (running ||= begin(config).catch((reason) => {
    running = 0;
    throw reason;
  }));
