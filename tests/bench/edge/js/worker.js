// The door of events as a good JavaScript developer would write it today: plain modules, WebCrypto, aws4fetch, one PutRecords for each POST.
// It checks, stores and answers what the worker does; `cargo xtask bench edge` holds both against each other before it measures them.
import { AwsClient } from "aws4fetch";
import { BODY_BYTES_MAX, parseBatch } from "./batch.js";
import { Refusal } from "./refusal.js";
import { allowedOrigins, portalOf } from "./portals.js";
import { clean } from "./privacy.js";
import { classifyAgent, classifySource, isProgram, network, trustOf } from "./reader.js";
import { hash, saltOf } from "./salt.js";

const KINESIS_DEADLINE_MS = 3_000;
const VERSION = "0.1.0";
const text = new TextEncoder();

// One client for an isolate: it keeps the day's signing key.
let aws;

export default {
  async fetch(request, env) {
    const origin = request.headers.get("origin");
    try {
      if (new URL(request.url).pathname !== "/pageview") throw new Refusal(404, "unknown_path", "there is nothing at this path");
      if (request.method !== "POST") throw new Refusal(405, "method_not_allowed", "use POST");
      return answer(202, await collect(request, env, origin), origin);
    } catch (error) {
      if (error instanceof Refusal) return answer(error.status, error.body(), origin);
      console.error(error);
      return answer(503, { error: { code: "unavailable", message: "send it again later" } }, origin, { "retry-after": "5" });
    }
  },
};

async function collect(request, env, origin) {
  const { headers } = request;
  if (Number(headers.get("content-length")) > BODY_BYTES_MAX) throw tooLarge();
  const body = await request.text();
  if (body.length > BODY_BYTES_MAX) throw tooLarge();
  const type = headers.get("content-type")?.split(";")[0].trim().toLowerCase();
  if (type !== "text/plain" && type !== "application/json") {
    throw new Refusal(415, "unsupported_media_type", "content type must be text/plain or application/json");
  }
  if (origin === null || origin === "null") throw new Refusal(403, "missing_origin", "the Origin header is missing or null");
  const { batch, rejected, ignored } = parseBatch(body);
  const portal = portalOf(batch.portal);
  if (portal === undefined) throw new Refusal(422, "unknown_portal", `portal ${batch.portal} is not in portals.toml`);
  if (!portal.allowsOrigin(origin)) throw new Refusal(403, "origin_not_allowed", "the origin is not listed for this portal");

  const accepted = { accepted: batch.events.length, rejected };
  if (ignored.length > 0) accepted.ignored = ignored;
  await store(env, portal, await envelope(request, env, portal, batch));
  return accepted;
}

const tooLarge = () => new Refusal(413, "body_too_large", `body has more than ${BODY_BYTES_MAX} bytes`);

// What is stored: the batch without what may name a person, and what the edge knows.
async function envelope({ headers, cf }, env, portal, batch) {
  const receivedAtMs = Date.now();
  const agentText = headers.get("user-agent") ?? "";
  const agent = classifyAgent(agentText);
  const hasGpc = headers.get("sec-gpc") === "1";
  const skewMs = receivedAtMs - batch.sent_at_ms;
  if (hasGpc) batch.consent = "cookieless";
  if (batch.consent !== "full") delete batch.visitor;
  clean(batch, portal);
  const isOwnPage = portal.ownsUrl(batch.url);

  const address = headers.get("cf-connecting-ip") ?? "";
  const cut = network(address);
  const key = await saltOf(env, receivedAtMs);
  const [visitor, networkId] = await Promise.all([
    batch.visitor ?? hash(key, [portal.id, address, agentText]).then((hex) => `d${hex.slice(0, 31)}`),
    cut && hash(key, [portal.id, cut]).then((hex) => hex.slice(0, 16)),
  ]);
  return {
    v: 1,
    batch,
    edge: {
      received_at_ms: receivedAtMs,
      skew_ms: skewMs,
      visitor,
      network: networkId,
      country: place(cf?.country) ?? "XX",
      region: place(cf?.regionCode) ?? "",
      browser: agent.browser,
      os: agent.os,
      device: agent.device,
      source: classifySource(batch.referrer, portal),
      trust: trustOf({ batch, headers, cf, agent, agentText, isOwnPage, skewMs }),
      // Absent for a person.
      bot: batch.bot || isProgram(agent, cf) || undefined,
      via: "direct",
      attempts: 1,
      version: VERSION,
    },
  };
}

const place = (name) => (typeof name === "string" && /^[A-Za-z0-9]{0,3}$/.test(name) ? name : undefined);

// Answers once the record is in the stream, or else in the queue.
async function store(env, portal, record) {
  aws ??= new AwsClient({
    accessKeyId: env.AWS_ACCESS_KEY_ID,
    secretAccessKey: env.AWS_SECRET_ACCESS_KEY,
    region: env.AWS_REGION,
    service: "kinesis",
    retries: 0,
  });
  const line = `${JSON.stringify(record)}\n`;
  try {
    const response = await aws.fetch(env.KINESIS_ENDPOINT, {
      method: "POST",
      headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": "Kinesis_20131202.PutRecords" },
      body: JSON.stringify({
        StreamName: portal.eventsStream,
        Records: [{ Data: text.encode(line).toBase64(), PartitionKey: record.edge.visitor }],
      }),
      signal: AbortSignal.timeout(KINESIS_DEADLINE_MS),
    });
    if (response.status === 200 && (await response.json()).FailedRecordCount === 0) return;
  } catch (error) {
    console.error(error);
  }
  await env.RETRY_0.send(line, { contentType: "text", delaySeconds: 2 });
}

function answer(status, body, origin, more) {
  const headers = {
    "content-type": "application/json",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    vary: "Origin",
    ...more,
  };
  if (allowedOrigins(origin)) {
    headers["access-control-allow-origin"] = origin;
    headers["access-control-expose-headers"] = "Retry-After";
  }
  return new Response(JSON.stringify(body), { status, headers });
}
