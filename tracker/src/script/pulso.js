// `/pulso.js`, what portals embed: it touches the page, the device and the network; the wasm within it decides.
// `cargo xtask build` bundles it and puts in the wasm and the core's own limits, the names in capitals.

const script = document.currentScript;
const { dataset } = script;
const edge = dataset.endpoint || new URL(script.src).origin;
const early = window.pulso;

// Signals of the core, as `mod.rs` numbers them.
const ACTIVITY = 0;
const ATTENTION = 1;
const SCROLL = 2;
const EVENT = 3;
const LEAVE = 4;
const BEGIN = 5;
// Single-page applications set the new title after `pushState`, often in the next turn of the event loop.
const TITLE_DELAY_MS = 50;
const LOOK_MS = 200;

const now = () => performance.now();
// 12 hex digits of Unix milliseconds, 20 of randomness; decimal digits are hex digits, too.
const newId = () => Date.now().toString(16).padStart(12, 0) + Math.random().toFixed(20).slice(2);
const find = (selector) => document.querySelector(selector);
const meta = (name) => find(`[property="${name}"],[name="${name}"]`)?.content;

const run = ({ t: told, e: engagedMs, w: wake, a: admit, s: sealed, x: next, o: settle, l: linkKind, c: under }) => {
  const isHash = "hash" in dataset;
  const letters = {};
  const url = edge + "/pageview";
  let memory = {};
  let store = 0;
  let events = [];
  let mode, user, head, seq, lastUrl, lastCanonical, lastPlace, isArriving, activeAt, asked, looking, timer;
  // Touching it throws where storage is denied.
  try {
    store = localStorage;
  } catch {}

  // The device: the reader's id, and a key for each body, so that two tabs never overwrite each other's list.
  const keep = (key, text) => {
    try {
      if (mode > 1) store[key] = text;
    } catch {}
    if (store[key] != text) memory[key] = text;
  };
  const each = (prefix, act) => {
    for (const key in store) key.startsWith(prefix) && act(key);
  };
  const visitor = () => {
    const id = store["pulso.visitor"];
    // The first 12 digits say when it was made.
    if (mode > 1 && Date.now() - ("0x" + id?.slice(0, 12)) < VISITOR_MS_MAX) return id;
  };

  // Delivery.
  const put = (count, key) => {
    const ticket = admit(count);
    letters[ticket] = key;
    letters[ticket - LETTERS_MAX] && forget(ticket - LETTERS_MAX);
  };
  const forget = (ticket) => {
    delete store[letters[ticket]];
    delete memory[letters[ticket]];
    delete letters[ticket];
  };
  const send = (isBeacon) => {
    for (let ticket; (ticket = next(isBeacon, now())); ) {
      const rest = memory[letters[ticket]] || store[letters[ticket]];
      const body = `{"v":1,"sent_at_ms":${Date.now()},${rest}`;
      const done = ({ status }) => {
        settle(ticket, status, Math.random() * 256, now()) && forget(ticket);
        // Nothing was scrolled: only to see what is next. A page that is on its way sees to that itself.
        isArriving || tell(SCROLL);
      };
      // Another tab has delivered it, or the reader has erased it.
      if (!rest) done({ status: 200 });
      // Neither a receipt nor a refusal counts: it is sent again when the page, or the next one, is shown.
      else if (isBeacon) navigator.sendBeacon(url, body);
      else fetch(url, { method: "POST", body, keepalive: true }).then(done, done);
    }
  };

  // The core.
  const tell = (signal, x, y, kind, fields) => {
    if (!mode) return;
    arrive();
    activeAt && told(ACTIVITY, 0, 0, activeAt);
    activeAt = 0;
    const orders = told(signal, x, y, now());
    const write = (kind, fields) => events.push({ seq: seq++, kind, at_ms: Date.now(), ...fields });
    orders & 1 && write(kind, fields);
    orders & 2 && write("engagement", { engaged_ms: engagedMs(), scroll_pct: orders >> 4 });
    if (orders & 12) {
      const dropped = sealed();
      const count = events.length + dropped;
      const key = `pulso.batch.${head.pageview}.${seq}.${count}`;
      keep(key, JSON.stringify({ ...head, dropped, events }).slice(1));
      put(count, key);
      events = [];
      head.meta = undefined;
    }
    send(orders & 8);
    clearTimeout(timer);
    x = wake(now());
    timer = x && setTimeout(attend, x);
  };
  // A sign of the reader is only noted: the timer asks for it in time.
  const note = ({ timeStamp }) => {
    activeAt = timeStamp;
    timer || attend();
  };
  const attend = (event) => {
    look();
    // `focus` and `blur` also come when a frame inside the page takes the focus; `hasFocus` stays true then.
    tell(ATTENTION, event?.type != "pagehide" && !document.hidden, document.hasFocus());
  };
  const emit = (kind, fields) => tell(EVENT, JSON.stringify(fields).length, 0, kind, fields);

  // The page.
  const look = () => {
    const element = mode && find(dataset.content || "html");
    looking = 0;
    element && told(SCROLL, innerHeight - element.getBoundingClientRect().top, element.scrollHeight, now());
    asked || (mode && find("[data-pulso-rec-id],[data-pulso-recommendations]") && load());
  };
  // Not while it scrolls, when to ask for the layout is to wait for it; where a reader does not stay so long was not read.
  const measure = () => (looking ||= setTimeout(look, LOOK_MS));
  const place = () => location[isHash ? "href" : "pathname"];
  const begin = (said, isRest) => {
    const canonical = find("[rel=canonical]")?.href;
    isArriving = 0;
    lastPlace = place();
    if (!mode || store["pulso-exclude"] || location.pathname.match(dataset.exclude || "^$")) return;
    const id = visitor();
    // Erased by the reader, by another tab, or never kept.
    mode = id ? 2 : 1;
    head = {
      portal: dataset.portal,
      pageview: newId(),
      visitor: id,
      user: id && user,
      consent: id ? "full" : "cookieless",
      page: said.page || meta("og:type"),
      // Single-page applications often forget to change the canonical address.
      item: said.item || (isHash ? location.hash.slice(1) : canonical == lastCanonical ? undefined : (lastCanonical = canonical)),
      referrer: lastUrl || document.referrer,
      url: (lastUrl = location.href),
      bot: navigator.webdriver,
      meta: {
        title: meta("og:title") || document.title,
        section: meta("article:section"),
        image: meta("og:image"),
        published_at_ms: Date.parse(meta("article:published_time")),
      },
    };
    seq = 0;
    tell(BEGIN, dataset.idleWindowMs || IDLE_WINDOW_MS, !isRest, "pageview");
    attend();
    measure();
  };
  const navigate = () => {
    if (dataset.manual != null || isArriving || place() == lastPlace) return;
    tell(LEAVE);
    isArriving = 1;
    setTimeout(arrive, TITLE_DELAY_MS);
  };
  const arrive = () => isArriving && begin({});
  const click = (event) => {
    const path = event.composedPath();
    const said = (name) => path.find((node) => node.dataset?.[name])?.dataset[name];
    // Only a link has a host name, and only one that leads somewhere.
    const to = path.find((node) => node.hostname);
    // The right button opens a menu and follows nothing.
    if (!to || event.button == 2) return;
    const kind = linkKind(
      /^http/.test(to.protocol),
      to.host == location.host,
      to.href.startsWith(location.href.split("#")[0] + "#"),
      "download" in to.attributes || FILE_PATTERN.test(to.pathname),
    );
    kind && emit("click", { href: to.href, link: ["", "internal", "outbound", "download"][kind], rec_id: said("pulsoRecId"), position: +said("pulsoPosition") });
  };

  // Lists of recommendations are a module of their own, for pages that have them.
  const load = () => (asked ||= import(edge + MODULES + "recommendations.js").then((lists) => lists.default(edge, emit, () => head)));

  const agree = (name) => {
    mode = under(["off", "cookieless", "full"].indexOf(name), navigator.globalPrivacyControl);
    if (mode < 2) each("pulso.", (key) => delete store[key], (memory = {}));
    else visitor() || keep("pulso.visitor", newId());
  };
  const listeners = {
    wheel: note,
    keydown: note,
    touchmove: note,
    pointermove: note,
    pointerdown: note,
    scroll: (event) => {
      measure();
      // What scrolls by itself within the page is no sign of a reader.
      event.target == document && note(event);
    },
    // Comes four times a second while a medium plays. Muted ones are decoration and advertisements.
    timeupdate: (event) => event.target.muted || note(event),
    visibilitychange: attend,
    focus: attend,
    blur: attend,
    // The last event that iOS Safari delivers, and it comes while the page still counts as visible.
    pagehide: attend,
    online: attend,
    // A page that returns from the back-forward cache is a new pageview.
    pageshow: (event) => event.persisted && begin(head || {}),
    // Comes with every change of the fragment, too.
    popstate: navigate,
    click,
    auxclick: click,
  };
  const start = () => {
    agree(dataset.consent || CONSENT_DEFAULT);
    // Capturing, so that no `stopPropagation` of the page hides an event; but `focus` and `blur` only of the window itself.
    for (const kind in listeners) addEventListener(kind, listeners[kind], { capture: listeners[kind] != attend, passive: true });
    for (const name of ["pushState", "replaceState"]) {
      const original = history[name];
      history[name] = (...values) => {
        original.apply(history, values);
        navigate();
      };
    }
    new ResizeObserver(measure).observe(find("html"));
    each("pulso.b", (key) => put(key.split(".")[4], key));
    dataset.manual != null || begin(dataset);
    window.pulso = api;
    early?.q.map(([name, values, done]) => done(api[name](...values)));
  };
  const api = {
    page: (said) => {
      tell(LEAVE);
      begin(said || {});
    },
    track: (name, props) => emit("custom", { name, props }),
    identify: (id) => (user = id),
    consent: (name) => {
      const was = mode;
      agree(name);
      if (!mode) sealed((events = []), clearTimeout(timer));
      else if (!was) begin(dataset);
      else if (was > mode && head) {
        // What is left of this showing belongs to nobody: another pageview, whose beginning is not counted.
        tell(LEAVE);
        begin(head, 1);
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
if (!early || early.q) {
  let core;
  const text = WASM;
  try {
    core = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(text.length).map((_, at) => text.charCodeAt(at)))).exports;
  } catch {}
  // The page's CSP refuses WebAssembly: the same core as JavaScript.
  if (core) run(core);
  else import(edge + MODULES + "fallback.js").then(run);
}
