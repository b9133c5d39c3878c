// What is said of a reader: browser, system, device, network, where they came from, and how far a batch is believed.

// First match wins: every Chromium browser also says Chrome, and Chrome also says Safari.
const BROWSERS = [
  ["edg/", "edge"], ["edga/", "edge"], ["edgios/", "edge"], ["opr/", "opera"], ["opios/", "opera"], ["samsungbrowser/", "samsung"],
  ["ucbrowser/", "uc"], ["fxios/", "firefox"], ["firefox/", "firefox"], ["instagram", "instagram"], ["fbav/", "facebook"],
  ["crios/", "chrome"], ["chrome/", "chrome"], ["chromium/", "chrome"], ["safari/", "safari"],
];
const SYSTEMS = [
  ["windows", "windows"], ["iphone", "ios"], ["ipad", "ios"], ["ipod", "ios"], ["android", "android"], ["cros ", "chromeos"],
  ["mac os x", "macos"], ["linux", "linux"],
];
const BOT = /bot|crawl|spider|slurp|headless|lighthouse|curl\/|wget\/|python-|java\/|go-http|http-client/;
const SEARCH = new Set(["google", "bing", "duckduckgo", "yahoo", "ecosia", "yandex", "baidu", "brave", "qwant", "startpage"]);
const FRONTS = new Set(["www", "search", "m", "news", "cn"]);
const SOCIAL = [
  "facebook.com", "fb.com", "instagram.com", "threads.net", "threads.com", "t.co", "twitter.com", "x.com", "linkedin.com", "lnkd.in",
  "pinterest.com", "reddit.com", "tiktok.com", "youtube.com", "whatsapp.com", "wa.me", "t.me", "telegram.org", "bsky.app", "kwai.com",
];

const family = (families, text) => families.find(([word]) => text.includes(word))?.[1] ?? "other";

export function classifyAgent(userAgent) {
  const text = userAgent.slice(0, 512).toLowerCase();
  const isBot = BOT.test(text);
  const os = family(SYSTEMS, text);
  return { browser: family(BROWSERS, text), os, device: isBot ? "other" : device(os, text), isBot };
}

function device(os, text) {
  if (os === "ios") return text.includes("ipad") ? "tablet" : "mobile";
  if (os === "android") return text.includes("mobile") ? "mobile" : "tablet";
  return os === "other" ? "other" : "desktop";
}

export function classifySource(referrer, portal) {
  if (referrer === undefined) return "direct";
  if (portal.ownsUrl(referrer)) return "internal";
  const host = /^https?:\/\/([^/?#:]*)/.exec(referrer)?.[1].toLowerCase() ?? "";
  if (SOCIAL.some((site) => host === site || host.endsWith(`.${site}`))) return "social";
  return isSearch(host) ? "search" : "referral";
}

function isSearch(host) {
  const labels = host.split(".");
  const at = labels.findIndex((label) => SEARCH.has(label));
  if (at < 0) return false;
  const after = labels.slice(at + 1);
  const isFront = labels.slice(0, at).every((label) => FRONTS.has(label) || label.length === 2);
  const isSuffix =
    (after.length === 1 && after[0].length <= 3) || (after.length === 2 && after[0].length <= 3 && after[1].length === 2);
  return isFront && isSuffix;
}

const SITES = new Set(["same-origin", "same-site", "cross-site"]);
const MODES = new Set(["cors", "no-cors", "same-origin"]);

// Not typed by a person, no navigation, no picture or frame.
const isOfAScript = (headers) => {
  const [site, mode, dest] = ["site", "mode", "dest"].map((name) => headers.get(`sec-fetch-${name}`));
  return (site === null || SITES.has(site)) && (mode === null || MODES.has(mode)) && (dest === null || dest === "empty");
};

export const isProgram = (agent, cf) => agent.isBot || (cf?.botManagement?.score > 0 && cf.botManagement.score < 30);

// 100 minus what honest browsers do not do.
export function trustOf({ batch, headers, cf, agent, agentText, isOwnPage, skewMs }) {
  let trust = 100;
  if (batch.bot) trust -= 70;
  if (isProgram(agent, cf)) trust -= 70;
  if (agentText === "") trust -= 30;
  if (!headers.has("sec-fetch-site")) trust -= 10;
  if (!isOfAScript(headers)) trust -= 40;
  if (!isOwnPage) trust -= 30;
  if (Math.abs(skewMs) > 86_400_000) trust -= 20;
  return Math.max(trust - implausible(batch), 0);
}

const TOLERANCE_MS = 5_000;

// What speaks against a batch by its own figures: they never fall, and nobody reads for longer than the page is there.
function implausible(batch) {
  const { events } = batch;
  const began = events.find((event) => event.kind === "pageview")?.at_ms ?? parseInt(batch.pageview.slice(0, 12), 16);
  let earliest = Infinity;
  let latest = 0;
  let isTooLong = false;
  let hasFallen = false;
  let before;
  for (const event of events) {
    earliest = Math.min(earliest, event.at_ms);
    latest = Math.max(latest, event.at_ms);
    if (event.kind !== "engagement") continue;
    isTooLong ||= event.engaged_ms > Math.max(event.at_ms - began, 0) + TOLERANCE_MS;
    if (before !== undefined) {
      const [one, other] = before.seq < event.seq ? [before, event] : [event, before];
      hasFallen ||= other.engaged_ms < one.engaged_ms || other.scroll_pct < one.scroll_pct;
    }
    before = event;
  }
  const isOff = earliest + TOLERANCE_MS < began || latest > batch.sent_at_ms + TOLERANCE_MS || latest - earliest > 86_400_000;
  return (isTooLong ? 30 : 0) + (hasFallen ? 20 : 0) + (isOff ? 20 : 0);
}

// The address without its last bits; undefined when it is none.
export function network(address) {
  if (/^\d+\.\d+\.\d+\.\d+$/.test(address)) return `${address.slice(0, address.lastIndexOf("."))}.0/24`;
  if (!address.includes(":")) return undefined;
  const [head, tail] = address.split("::");
  let groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const last = tail === "" ? [] : tail.split(":");
    groups = [...groups, ...Array(Math.max(8 - groups.length - last.length, 0)).fill("0"), ...last];
  }
  const kept = groups.slice(0, 3).map((group) => parseInt(group, 16).toString(16));
  while (kept.at(-1) === "0") kept.pop();
  return `${kept.join(":")}::/48`;
}
