// The trackers that are compared: how a page loads each, and what its collector understands of engaged time.

import { existsSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/** No package of npm carries Matomo's own script; who has one says where. */
const MATOMO_JS = process.env.MATOMO_JS ?? "";

const json = (request) => JSON.parse(request.body.toString());
const sum = (numbers) => numbers.reduce((total, each) => total + each, 0);

/** Snowplow's heartbeat and its shortest visit, in seconds. */
const HEARTBEAT_S = 10;

function posthogEvents(request) {
  if (request.method !== "POST" || request.body.length < 2 || !/^\/(e|i\/v0\/e|batch)\/?$/.test(request.url.pathname)) return [];
  const isGzip = request.body.readUInt16BE(0) === 0x1f8b;
  let text = (isGzip ? gunzipSync(request.body) : request.body).toString();
  if (text.startsWith("data=")) text = Buffer.from(decodeURIComponent(text.slice(5)), "base64").toString();
  const events = JSON.parse(text);
  return Array.isArray(events) ? events : (events.batch ?? [events]);
}

/** Whole wall time between pageview and leaving; it knows no other. */
function posthogEngagedMs(requests) {
  const leaves = requests.flatMap(posthogEvents).filter((event) => event.event === "$pageleave");
  return 1000 * Math.max(0, ...leaves.map((event) => event.properties.$prev_pageview_duration ?? 0));
}

const posthog = (imports, options) => `${imports}
posthog.init("phc_bench", { api_host: location.origin, autocapture: true, capture_pageview: true, capture_pageleave: true,
  disable_session_recording: true, opt_out_useragent_filter: true, person_profiles: "identified_only", ${options} });`;

const ALL = [
  { name: "none", label: "the page alone" },
  {
    name: "pulso", label: "**pulso**", tag: '<script async src="/pulso.js" data-portal="g1"></script>',
    posts: (request) => request.url.pathname === "/pageview",
    engagedMs: (requests) => Math.max(0, ...requests.flatMap((request) => json(request).events.map((event) => event.engaged_ms ?? 0))),
    clicks: (requests) => requests.flatMap((request) => json(request).events).filter((event) => event.kind === "click").length,
  },
  {
    name: "plausible", label: "Plausible", module: "@plausible-analytics/tracker",
    source: `import { init } from "@plausible-analytics/tracker";
init({ domain: "g1.example", endpoint: location.origin + "/plausible", captureOnLocalhost: true, outboundLinks: true, fileDownloads: true });`,
    posts: (request) => request.url.pathname === "/plausible",
    engagedMs: (requests) => sum(requests.map(json).filter((event) => event.n === "engagement").map((event) => event.e)),
    clicks: (requests) => requests.map(json).filter((event) => event.n === "Outbound Link: Click").length,
  },
  {
    name: "snowplow", label: "Snowplow with page pings and link clicks", module: "@snowplow/browser-tracker",
    source: `import { newTracker, enableActivityTracking, trackPageView } from "@snowplow/browser-tracker";
import { LinkClickTrackingPlugin, enableLinkClickTracking } from "@snowplow/browser-plugin-link-click-tracking";
newTracker("sp", location.origin, { appId: "g1", plugins: [LinkClickTrackingPlugin()] });
enableActivityTracking({ minimumVisitLength: ${HEARTBEAT_S}, heartbeatDelay: ${HEARTBEAT_S} });
enableLinkClickTracking();
trackPageView();`,
    posts: (request) => request.url.pathname.startsWith("/com.snowplowanalytics.snowplow/"),
    engagedMs: (requests) => 1000 * HEARTBEAT_S * requests.flatMap((request) => json(request).data).filter((event) => event.e === "pp").length,
    clicks: (requests) => requests.flatMap((request) => json(request).data).filter((event) => event.e === "ue").length,
  },
  {
    name: "matomo", label: "Matomo with heartbeat and links", file: MATOMO_JS,
    head: `var _paq = [["setTrackerUrl", "/matomo.php"], ["setSiteId", "1"], ["enableHeartBeatTimer", 15], ["enableLinkTracking"], ["trackPageView"]];`,
    posts: (request) => request.url.pathname === "/matomo.php",
    engagedMs: matomoEngagedMs,
    clicks: (requests) => requests.filter((request) => matomoParameters(request).has("link")).length,
  },
  {
    name: "posthog-slim", label: "PostHog slim with autocapture", module: "posthog-js",
    source: posthog(`import posthog from "posthog-js/dist/module.slim.js";
import { AnalyticsExtensions } from "posthog-js/dist/extension-bundles.js";`, "__extensionClasses: AnalyticsExtensions"),
  },
  {
    name: "posthog", label: "PostHog with autocapture", module: "posthog-js",
    source: posthog('import posthog from "posthog-js";', ""),
  },
];

for (const each of ALL.filter((each) => each.name.startsWith("posthog"))) {
  each.posts = (request) => posthogEvents(request).length > 0;
  each.engagedMs = posthogEngagedMs;
  each.clicks = (requests) => requests.flatMap(posthogEvents).filter((event) => event.event === "$autocapture" && event.properties.$event_type === "click").length;
}

function matomoParameters(request) {
  return new URLSearchParams(request.method === "POST" ? request.body.toString() : request.url.search);
}

/** From the pageview to the last thing that was sent, as its server does. */
function matomoEngagedMs(requests) {
  return requests.length ? requests.at(-1).atMs - requests[0].atMs : 0;
}

export const CONTESTANTS = ALL.filter((each) => each.file === undefined || existsSync(each.file));
export const TRACKERS = CONTESTANTS.filter((each) => each.name !== "none");
