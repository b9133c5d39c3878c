// `/pulso.js`, what portals embed: it touches the page, the device and the network; the wasm within it decides.
// `cargo xtask build` bundles it and puts in the wasm and the core's own limits, the names in capitals.

const script = document.currentScript;
const { dataset } = script;
const early = window.pulso;

// Signals of the core, as `mod.rs` numbers them.
const ACTIVITY = 0;
const ATTENTION = 1;
const SCROLL = 2;
const EVENT = 3;
const LEAVE = 4;
const BEGIN = 5;
const MODES = ["off", "cookieless", "full"];
// Single-page applications set the new title after `pushState`, often in the next turn of the event loop.
const TITLE_DELAY_MS = 50;
// A collector that takes the request and never answers is given up.
const ANSWER_MS_MAX = 30000;

const now = () => performance.now();
// A clock with a dead battery shows 1970.
const unix = () => Math.max(Date.now(), AT_MS_MIN);
// 12 hex digits of Unix milliseconds, 20 of randomness.
const newId = () =>
  crypto.getRandomValues(new Uint16Array(5)).reduce((id, random) => id + (random + 65536).toString(16).slice(1), unix().toString(16).padStart(12, 0));
const find = (selector) => document.querySelector(selector);
const meta = (name) => find(`[property="${name}"],[name="${name}"]`)?.content;
const linkTo = (href) => Object.assign(document.createElement("a"), { href });

const run = ({ t: told, e: engagedMs, w: wake, a: admit, s: sealed, x: next, o: settle, r: resume, l: linkKind, c: under }) => {
  const { portal, exclude } = dataset;
  const isManual = "manual" in dataset;
  const isHash = "hash" in dataset;
  const edge = dataset.endpoint || linkTo(script.src).origin;
  const letters = {};
  let store = 0;
  let events = [];
  let mode, user, head, lastUrl, lastCanonical, lastPlace, arrivedAt, activeAt, module, timer, frame;
  // Touching it throws where storage is denied.
  try {
    store = localStorage;
  } catch {}

  // The device: the reader's id, and a key for each body, so that two tabs never overwrite each other's list.
  const keep = (key, text) => {
    try {
      store[key] = text;
    } catch {}
    return store[key] == text && key;
  };
  const erase = (prefix) => Object.keys(store).map((key) => key.startsWith(prefix) && delete store[key]);
  const visitor = () => {
    const id = store["pulso.visitor"];
    const ageMs = Date.now() - ("0x" + id?.slice(0, 12));
    return ageMs >= 0 && ageMs < VISITOR_MS_MAX && id;
  };

  // Delivery.
  const put = (count, body, key) => {
    const ticket = admit(count);
    letters[ticket] = [key, body];
    forget(ticket - LETTERS_MAX);
  };
  const forget = (ticket) => {
    delete store[letters[ticket]?.[0]];
    delete letters[ticket];
  };
  const send = (isBeacon) => {
    for (let ticket; (ticket = next(isBeacon, now())) >= 0; ) {
      const [key, rest] = letters[ticket];
      const body = `{"v":1,"sent_at_ms":${unix()},${rest}`;
      const done = ({ status, headers }) => {
        if (settle(ticket, status, headers?.get("retry-after"), Math.random() * 256, now())) forget(ticket);
        if (!isBeacon) tell(ACTIVITY);
      };
      // Another tab has delivered it, or the reader has erased it.
      if (key && !store[key]) done({ status: 200 });
      else if (isBeacon) done({ status: +navigator.sendBeacon(edge + "/pageview", body) });
      else fetch(edge + "/pageview", { method: "POST", body, keepalive: true, credentials: "omit", signal: AbortSignal.timeout?.(ANSWER_MS_MAX) }).then(done, done);
    }
  };

  // The core.
  const tell = (signal, x, y, at = now(), kind, fields) => {
    const orders = told(signal, x, y, at);
    let seq = (orders >> 11) - (orders & 1) - ((orders >> 1) & 1);
    const write = (kind, fields) => events.push({ seq: seq++, kind, at_ms: unix(), ...fields });
    if (orders & 1) write(kind, fields);
    if (orders & 2) write("engagement", { engaged_ms: engagedMs(), scroll_pct: (orders >> 4) & 127 });
    if (orders & 12) {
      const dropped = sealed();
      const count = events.length + dropped;
      const body = JSON.stringify({ ...head, dropped, events }).slice(1);
      put(count, body, mode > 1 && keep(`pulso.batch.${head.pageview}.${events[0].seq}.${count}`, body));
      events = [];
      head.meta = undefined;
    }
    clearTimeout(timer);
    const inMs = wake(now());
    timer = inMs >= 0 && setTimeout(attend, inMs + 1);
    if (orders & 12 || timer) send(orders & 8);
  };
  // A sign of the reader is only noted: the timer asks for it in time.
  const note = ({ timeStamp }) => {
    activeAt = timeStamp;
    timer || attend();
  };
  const catchUp = () => {
    arrive();
    if (activeAt) told(ACTIVITY, 0, 0, activeAt);
    activeAt = 0;
  };
  const attend = (event) => {
    const isVisible = event?.type != "pagehide" && !document.hidden;
    catchUp();
    if (isVisible) resume(0);
    // `focus` and `blur` also come when a frame inside the page takes the focus; `hasFocus` stays true then.
    tell(ATTENTION, isVisible, document.hasFocus());
    seek();
  };
  const emit = (kind, fields, isActivity) => {
    catchUp();
    tell(EVENT, JSON.stringify(fields).length, isActivity, now(), kind, fields);
  };

  // The page.
  const measure = () =>
    // Between two frames, when the layout is known anyway.
    (frame ||= requestAnimationFrame(() => {
      const element = find(dataset.content || "html");
      frame = 0;
      if (element) told(SCROLL, innerHeight - element.getBoundingClientRect().top, element.scrollHeight, now());
    }));
  const place = () => location.pathname + (isHash ? location.hash : "");
  const begin = (said, at) => {
    const { href, pathname, hash } = location;
    const canonical = find("[rel=canonical]")?.href;
    lastPlace = place();
    if (!mode || store["pulso-exclude"] || (exclude && RegExp(exclude).test(pathname))) return;
    if (mode > 1 && !visitor()) mode = 1;
    head = {
      portal,
      pageview: newId(),
      ...(mode > 1 && { visitor: visitor(), user }),
      consent: MODES[mode],
      page: said.page || (meta("og:type") == "article" ? "article" : pathname == "/" ? "front" : "other"),
      url: href,
      // Single-page applications often forget to change the canonical address.
      item: linkTo(said.item || ((canonical != lastCanonical || href == lastUrl) && canonical) || (isHash && hash.slice(1)) || href).pathname,
      referrer: (href != lastUrl && lastUrl) || document.referrer,
      bot: navigator.webdriver,
      meta: {
        title: meta("og:title") || document.title,
        section: meta("article:section"),
        image: linkTo(meta("og:image") || "x:").href,
        published_at_ms: Date.parse(meta("article:published_time")),
      },
    };
    lastUrl = href;
    lastCanonical = canonical;
    activeAt = 0;
    tell(BEGIN, dataset.idleWindowMs || IDLE_WINDOW_MS, 1, at, "pageview");
    attend();
    measure();
  };
  const navigate = () => {
    if (!head || isManual || arrivedAt || place() == lastPlace) return;
    catchUp();
    tell(LEAVE);
    arrivedAt = now();
    setTimeout(arrive, TITLE_DELAY_MS);
  };
  const arrive = () => {
    const at = arrivedAt;
    arrivedAt = 0;
    if (at) begin({}, at);
  };
  const click = (event) => {
    const path = event.composedPath();
    const said = (name) => path.find((node) => node.dataset?.[name])?.dataset[name];
    const link = path.find((node) => node.matches?.("a[href],area[href]"));
    // The right button opens a menu and follows nothing.
    if (!link || event.button == 2) return;
    const to = linkTo(link.getAttribute("href"));
    const [host, own] = [to, location].map(({ host }) => "." + host.replace("www.", ""));
    const facts = [
      /^https?:$/.test(to.protocol),
      host.endsWith(own) || own.endsWith(host),
      !isHash && to.href.includes("#") && to.href.split("#")[0] == location.href.split("#")[0],
      link.hasAttribute("download") || RegExp(`\\.(${FILE_ENDINGS})$`, "i").test(to.pathname),
    ];
    const kind = linkKind(facts.reduce((bits, fact, at) => bits | (fact << at), 0));
    if (kind) emit("click", { href: to.href, link: ["internal", "outbound", "download"][kind - 1], rec_id: said("pulsoRecId"), position: parseInt(said("pulsoPosition")) }, 1);
  };

  // Lists of recommendations are a module of their own, for pages that have them.
  const load = () => (module ||= import(edge + RECOMMENDATIONS_JS).then((lists) => lists.default({ portal, edge, emit, head: () => head })));
  const seek = () => find("[data-pulso-rec-id],[data-pulso-recommendations]") && load();

  const on = (kinds, listen) => kinds.split(" ").map((kind) => addEventListener(kind, (event) => mode && listen(event), { capture: true, passive: true }));
  const allowed = (name) => {
    // Without a kept id there is no mode `full`.
    const level = under(MODES.indexOf(name), navigator.globalPrivacyControl);
    return level > 1 && !visitor() && !keep("pulso.visitor", newId()) ? 1 : level;
  };
  const start = () => {
    mode = allowed(dataset.consent || "cookieless");
    on("pointerdown pointermove wheel touchmove keydown", note);
    on("scroll", (event) => {
      measure();
      // What scrolls by itself within the page is no sign of a reader.
      if (event.target == document) note(event);
    });
    // Comes four times a second while a medium plays. Muted ones are decoration and advertisements.
    on("timeupdate", (event) => event.target.muted || note(event));
    // `pagehide` is the last event that iOS Safari delivers, and it comes while the page still counts as visible.
    on("visibilitychange focus blur pagehide", attend);
    // A page that returns from the back-forward cache is a new pageview.
    on("pageshow", (event) => event.persisted && head && begin(head));
    on("popstate hashchange", navigate);
    on("click auxclick", click);
    on("online", () => {
      resume(1);
      send();
    });
    for (const name of ["pushState", "replaceState"]) {
      const original = history[name];
      history[name] = (...values) => {
        original.apply(history, values);
        if (mode) navigate();
      };
    }
    new ResizeObserver(measure).observe(document.documentElement);
    if (mode < 2) erase("pulso.");
    else
      Object.keys(store)
        .filter((key) => key.startsWith("pulso.b"))
        .sort()
        .map((key) => put(key.split(".")[4], store[key], key));
    if (!isManual) begin(dataset);
    window.pulso = api;
    early?.q?.map(([name, values, done]) => done(api[name]?.(...values)));
  };
  const api = {
    page: (said) => {
      catchUp();
      tell(LEAVE);
      begin(said || {});
    },
    track: (name, props) => emit("custom", { name, props }),
    identify: (id) => (user = id),
    consent: (name) => {
      const was = mode;
      catchUp();
      mode = allowed(name);
      if (mode < 2) erase("pulso.");
      if (!mode) halt();
      else if (!was) begin(dataset);
      else if (was > mode && head) {
        // What is left of this showing belongs to nobody: another pageview, whose beginning is not counted.
        tell(LEAVE);
        head = { ...head, pageview: newId(), visitor: undefined, user: undefined, consent: MODES[mode] };
        tell(BEGIN, dataset.idleWindowMs || IDLE_WINDOW_MS);
      }
    },
    recommendations: (options) => load().then((ask) => ask(options)),
    stop: () => {
      attend({ type: "pagehide" });
      mode = clearTimeout(timer);
    },
  };
  if (document.prerendering) document.addEventListener("prerenderingchange", start);
  else start();
};

// A second tag on the same page must not count everything twice.
if (!early?.track || early.q) {
  let core;
  try {
    core = new WebAssembly.Instance(new WebAssembly.Module(WASM)).exports;
  } catch {}
  // The page's CSP refuses WebAssembly: the same core as JavaScript.
  if (core) run(core);
  else import(new URL(FALLBACK_JS, script.src)).then(run);
}
