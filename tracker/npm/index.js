// The npm package: loads the wasm once and hands out its functions. `cargo xtask build` bundles it with the glue of wasm-bindgen.
import { consent, identify, open, page, recommendations, start as run, stop, track } from "PULSO_GLUE";

// A file beside this one, not within: as base64 it would be a fourth larger on the wire. Bundlers know this way of naming it.
const wasm = new URL("pulso.wasm", import.meta.url);
/** How long the script may take to answer once it is loaded: it may have a module to load itself. */
const SCRIPT_MS_MAX = 10000;

let running;

const refuse = (wrong) => {
  if (wrong) throw new Error("pulso: " + wrong);
};

/** The page refuses WebAssembly: the script that portals embed brings the same core as JavaScript. */
const embed = async (config, reason) => {
  try {
    await new Promise((answered, failed) => {
      // What is queued here the script calls when it runs; this call changes nothing, and comes before the page's own.
      const early = (window.pulso ||= { q: [] });
      if (!early.q) return answered();
      early.q.unshift(["identify", [], answered]);
      const script = document.createElement("script");
      for (const name in config) if (config[name]) script.dataset[name] = config[name];
      script.onerror = failed;
      script.onload = () => setTimeout(failed, SCRIPT_MS_MAX);
      script.src = config.endpoint + "/pulso.js";
      document.head.append(script);
    });
  } catch {
    refuse(`no WebAssembly (${reason}), no ${config.endpoint}/pulso.js: script-src needs 'wasm-unsafe-eval' or the edge's origin`);
  }
  const { pulso } = window;
  const { stop } = pulso;
  pulso.stop = () => {
    stop();
    // The script starts only where there is none.
    running = window.pulso = 0;
  };
  return pulso;
};

const begin = async (said) => {
  const config = { ...said, endpoint: said?.endpoint || wasm.origin };
  // A page that is rendered ahead of the reader may never be seen.
  if (document.prerendering) await new Promise((shown) => document.addEventListener("prerenderingchange", shown));
  try {
    await open(await (await fetch(wasm)).arrayBuffer());
  } catch (reason) {
    return embed(config, reason);
  }
  refuse(run(config));
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
