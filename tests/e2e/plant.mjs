// Bugs planted into the tracker as it is served, each of which the scenarios have to notice.

/** By name: what runs before the tracker, and what the scenarios say then. */
export const PLANTS = {
  twice: {
    says: /more than one showing|sent twice|seq/i,
    only: "leave by navigation",
    code: `const f = window.fetch; window.fetch = (u, o) => {
      if (o && o.body && String(u).endsWith("/pageview")) {
        const text = typeof o.body === "string" ? o.body : new TextDecoder().decode(o.body), b = JSON.parse(text);
        for (const e of b.events) e.seq += 1000; f(u, { ...o, body: JSON.stringify(b) });
      } return f(u, o); };`,
  },
  hidden: {
    says: /figures of each hiding|engaged \d/,
    only: "tab toggling",
    code: `document.hasFocus = () => true; Object.defineProperty(document, "visibilityState", { get: () => "visible" });
      Object.defineProperty(document, "hidden", { get: () => false });`,
  },
  nobeacon: { says: /nothing came|after leaving/, only: "leave by navigation", code: `navigator.sendBeacon = () => true;` },
  stored: { says: /device/, only: "leave by navigation", code: `localStorage.setItem("x", "1");` },
  cookie: { says: /device/, only: "leave by navigation", code: `document.cookie = "x=1; path=/";` },
  heartbeat: { says: /while idle/, only: "idle", code: `setInterval(() => fetch("/recommendations?portal=g1"), 2000);` },
  stranger: { says: /stranger/, only: "leave by navigation", code: `fetch("http://espia.example/").catch(() => {});` },
  bfcache: {
    says: /a pageview of/,
    only: "bfcache return",
    code: `addEventListener("pageshow", (e) => e.persisted && e.stopImmediatePropagation(), true);`,
  },
  refused: {
    says: /refused/,
    only: "leave by navigation",
    code: `const f = window.fetch; window.fetch = (u, o) => {
      if (!o || !o.body) return f(u, o);
      const b = JSON.parse(typeof o.body === "string" ? o.body : new TextDecoder().decode(o.body));
      b.events.push({ ...b.events[0], seq: 77, kind: "nonsense" });
      return f(u, { ...o, body: JSON.stringify(b) }); };`,
  },
  focus: { says: /engaged \d/, only: "focus loss and gain", code: `const has = document.hasFocus.bind(document); let once = false;
      document.hasFocus = () => (once ||= has()); for (const kind of ["blur", "focus"]) addEventListener(kind, (e) => once && e.stopImmediatePropagation(), true);` },
  prerender: { says: /before activation/, only: "prerender", code: `Object.defineProperty(document, "prerendering", { get: () => false });` },
  hammer: {
    says: /hammered/,
    only: "503, then well again",
    code: `const f = window.fetch; window.fetch = async (u, o) => { let r = await f(u, o); for (let n = 0; n < 5 && !r.ok; n += 1) r = await f(u, o); return r; };`,
  },
  timer: { says: /timers are set/, only: "idle", code: `setInterval(() => {}, 1000);` },
  muted: { says: /engaged \d/, only: "muted media is none", code: `Object.defineProperty(HTMLMediaElement.prototype, "muted", { get: () => false });` },
  module: { says: /modules that were loaded/, only: "leave by navigation", code: `fetch("/v/0/fallback.js").catch(() => {});` },
  clicks: { says: /page's figures|click/, only: "middle click", code: `addEventListener("auxclick", (e) => e.stopImmediatePropagation(), true);` },
};

/** The script with a bug before it. */
export function planted(name, answer, response) {
  const { "content-length": _, "content-encoding": __, etag: ___, ...headers } = answer.headers;
  const body = `(() => { ${PLANTS[name].code} })();\n${answer.body}`;
  response.writeHead(answer.status, { ...headers, "cache-control": "no-store" }).end(body);
}
