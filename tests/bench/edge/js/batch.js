// A batch from the body of a POST. A bad event does not spoil its siblings.
import { Refusal, bad, missing } from "./refusal.js";

export const BODY_BYTES_MAX = 65_536;
const EVENTS_MAX = 100;
const URL_BYTES_MAX = 2_048;
const META_BYTES_MAX = 1_024;
const AT_MS_MIN = 1_000_000_000_000;
const AT_MS_MAX = 4_000_000_000_000;
const PAGES = new Set(["article", "section", "front", "other"]);
const LINKS = new Set(["internal", "outbound", "download"]);
const CONTROL = /\p{Cc}/u;
const text = new TextEncoder();

const isText = (value) => typeof value === "string";
const isWhole = (value, min, max) => Number.isInteger(value) && value >= min && value <= max;
const isId = (value) => isText(value) && /^[0-9a-f]{32}$/.test(value);
const isRecId = (value) => isText(value) && /^[0-9a-f]{16}$/.test(value);
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
// UTF-16 units tell nearly always.
const fits = (value, max) => value.length * 3 <= max || (value.length <= max && text.encode(value).length <= max);
const isWebUrl = (value) => /^https?:\/\/[^/]/.test(value) && !CONTROL.test(value);
const isUrl = (value) => isText(value) && isWebUrl(value) && fits(value, URL_BYTES_MAX);
const clamp = (atMs) => Math.min(Math.max(atMs, AT_MS_MIN), AT_MS_MAX);

export function parseBatch(body) {
  let raw;
  try {
    raw = JSON.parse(body);
  } catch {
    throw new Refusal(400, "malformed_json", "not valid JSON");
  }
  if (!isObject(raw)) throw new Refusal(400, "not_an_object", "the body must be a JSON object");
  if (raw.v == null) throw missing("v");
  if (!isWhole(raw.v, 0, Number.MAX_SAFE_INTEGER)) throw bad("v");
  if (raw.v !== 1) throw new Refusal(422, "unsupported_version", `version ${raw.v} is not supported, send 1`);
  const ignored = [];
  const batch = head(raw, ignored);
  const rejected = takeEvents(batch, raw.events);
  return { batch, rejected, ignored };
}

function head(raw, ignored) {
  const url = address(raw.url);
  const item = itemOf(raw.item, ignored);
  const referrer = isText(raw.referrer) && isWebUrl(raw.referrer) ? shortened(raw.referrer) : undefined;
  const meta = raw.meta == null ? undefined : metaOf(raw.meta, url, ignored);
  if (raw.consent == null) throw missing("consent");
  if (raw.consent !== "full" && raw.consent !== "cookieless") throw bad("consent");
  if (raw.portal == null) throw missing("portal");
  if (!isText(raw.portal) || !/^[a-z0-9-]{1,32}$/.test(raw.portal)) throw bad("portal");
  if (raw.pageview == null) throw missing("pageview");
  if (!isId(raw.pageview)) throw bad("pageview");
  if (raw.visitor != null && !isId(raw.visitor)) throw bad("visitor");
  if (raw.sent_at_ms == null) throw missing("sent_at_ms");
  if (!isWhole(raw.sent_at_ms, 0, Number.MAX_SAFE_INTEGER)) throw bad("sent_at_ms");
  if (raw.dropped != null && !isWhole(raw.dropped, 0, 0xffff_ffff)) throw bad("dropped");
  if (raw.bot != null && typeof raw.bot !== "boolean") throw bad("bot");
  // Nobody is logged in where no secret makes hashes of names.
  if (raw.user != null) ignored.push("user");
  return {
    v: 1,
    portal: raw.portal,
    pageview: raw.pageview,
    visitor: raw.visitor ?? undefined,
    consent: raw.consent,
    page: pageOf(raw.page, url),
    url,
    item,
    referrer,
    meta,
    sent_at_ms: clamp(raw.sent_at_ms),
    dropped: raw.dropped ?? 0,
    bot: raw.bot ?? false,
    events: [],
  };
}

const shortened = (url) => (fits(url, URL_BYTES_MAX) ? url : url.split(/[?#]/, 1)[0]);

function address(url) {
  if (url == null) throw missing("url");
  if (!isText(url)) throw bad("url");
  const short = shortened(url);
  if (!isUrl(short)) throw bad("url");
  return short;
}

function pathOf(value) {
  const path = value.split(/[?#]/, 1)[0];
  const isPath = path.startsWith("/") && !path.startsWith("//") && !/[\s\p{Cc}]/u.test(path) && fits(path, 512);
  return isPath ? path : undefined;
}

const pathOfUrl = (url) => {
  const [, path] = /^https?:\/\/[^/?#]*(.*)$/s.exec(url) ?? [];
  return path?.startsWith("/") ? pathOf(path) : "/";
};

function itemOf(value, ignored) {
  if (value == null || value === "") return undefined;
  const item = isText(value) ? (pathOf(value) ?? (isWebUrl(value) ? pathOfUrl(value) : undefined)) : undefined;
  if (item === undefined) ignored.push("item");
  return item;
}

function pageOf(page, url) {
  if (PAGES.has(page)) return page;
  return pathOfUrl(url) === "/" ? "front" : "other";
}

function metaOf(raw, url, ignored) {
  if (!isObject(raw)) throw bad("meta");
  const at = raw.published_at_ms ?? undefined;
  const isBelievable = isWhole(at, AT_MS_MIN, AT_MS_MAX);
  if (at !== undefined && !isBelievable) ignored.push("meta.published_at_ms");
  let image;
  if (raw.image != null && raw.image !== "") {
    image = isText(raw.image) ? pictureOf(raw.image.trim(), url) : undefined;
    if (image === undefined) ignored.push("meta.image");
  }
  return { title: words(raw.title), section: words(raw.section), published_at_ms: isBelievable ? at : undefined, image };
}

function pictureOf(image, url) {
  const [origin, scheme] = /^(https?):\/\/[^/?#]*/.exec(url);
  const absolute = image.startsWith("//") ? `${scheme}:${image}` : image.startsWith("/") ? origin + image : image;
  return isUrl(absolute) ? absolute : undefined;
}

function words(value) {
  if (!isText(value)) return undefined;
  const trimmed = value.trim();
  if (trimmed === "") return undefined;
  if (fits(trimmed, META_BYTES_MAX)) return trimmed;
  // Cut between characters.
  const { read } = text.encodeInto(trimmed, new Uint8Array(META_BYTES_MAX));
  return trimmed.slice(0, read);
}

function takeEvents(batch, raw) {
  if (raw == null) throw missing("events");
  if (!Array.isArray(raw)) throw bad("events");
  if (raw.length === 0) throw new Refusal(422, "no_events", "events is empty");
  if (raw.length > EVENTS_MAX) throw new Refusal(422, "too_many_events", `${raw.length} events are more than ${EVENTS_MAX}`);
  const seen = new Set();
  const rejected = [];
  for (let index = 0; index < raw.length; index++) {
    const event = eventOf(raw[index]);
    if (isText(event)) {
      rejected.push({ index, code: event });
    } else if (seen.has(event.seq)) {
      rejected.push({ index, code: "duplicate_seq" });
    } else {
      seen.add(event.seq);
      batch.events.push(event);
    }
  }
  if (batch.events.length === 0) throw new Refusal(422, "no_valid_event", "none of the events is valid", rejected);
  return rejected;
}

// An event with its known fields only, or the code that says what is wrong with it.
function eventOf(raw) {
  if (!isObject(raw)) return "not_an_object";
  const { seq, kind, at_ms } = raw;
  if (seq == null) return "missing_seq";
  if (!isWhole(seq, 0, 9_999)) return "bad_seq";
  if (at_ms == null) return "missing_at_ms";
  if (!isWhole(at_ms, 0, Number.MAX_SAFE_INTEGER)) return "bad_at_ms";
  if (kind == null) return "missing_kind";
  const event = { seq, at_ms: clamp(at_ms), kind };
  switch (kind) {
    case "pageview":
      return event;
    case "engagement":
      return engagement(event, raw);
    case "click":
      return click(event, raw);
    case "impression":
      return impression(event, raw);
    case "custom":
      return custom(event, raw);
    default:
      return "bad_kind";
  }
}

function engagement(event, { engaged_ms, scroll_pct }) {
  if (engaged_ms == null) return "missing_engaged_ms";
  if (scroll_pct == null) return "missing_scroll_pct";
  if (!isWhole(scroll_pct, 0, 100)) return "bad_scroll_pct";
  if (!isWhole(engaged_ms, 0, 86_400_000)) return "bad_engaged_ms";
  event.engaged_ms = engaged_ms;
  event.scroll_pct = scroll_pct;
  return event;
}

function click(event, { href, link, rec_id, position }) {
  if (href == null) return "missing_href";
  if (!isUrl(href)) return "bad_href";
  if (link == null) return "missing_link";
  if (!LINKS.has(link)) return "bad_link";
  if (rec_id != null && !isRecId(rec_id)) return "bad_rec_id";
  if (position != null && !isWhole(position, 0, 65_535)) return "bad_position";
  event.href = href;
  event.link = link;
  if (rec_id != null) event.rec_id = rec_id;
  if (position != null) event.position = position;
  return event;
}

function impression(event, { rec_id, placement, items }) {
  if (items == null) return "missing_items";
  if (!Array.isArray(items) || items.length === 0 || items.length > 50) return "bad_items";
  const paths = items.map((item) => (isText(item) ? pathOf(item) : undefined));
  if (paths.includes(undefined)) return "bad_items";
  if (rec_id == null) return "missing_rec_id";
  if (!isRecId(rec_id)) return "bad_rec_id";
  const wrong = nameFault(placement, "placement");
  if (wrong) return wrong;
  event.rec_id = rec_id;
  event.placement = placement;
  event.items = paths;
  return event;
}

function custom(event, { name, props }) {
  if (props != null) {
    if (!isObject(props)) return "bad_props";
    const entries = Object.entries(props);
    if (entries.length > 32 || !entries.every(([key, value]) => fits(key, 512) && isScalar(value))) return "bad_props";
    if (entries.length === 0) props = undefined;
  }
  const wrong = nameFault(name, "name");
  if (wrong) return wrong;
  event.name = name;
  if (props != null) event.props = props;
  return event;
}

const isScalar = (value) =>
  typeof value === "boolean" || typeof value === "number" || (isText(value) && fits(value, 512));

function nameFault(name, field) {
  if (name == null) return `missing_${field}`;
  return isText(name) && name !== "" && fits(name, 64) && !CONTROL.test(name) ? undefined : `bad_${field}`;
}
