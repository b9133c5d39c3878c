// The portals of portals.toml, with what is asked of them compiled once.
import { portal as entries } from "portals";

class Portal {
  constructor(entry) {
    this.id = entry.id;
    this.eventsStream = entry.events_stream ?? `pulso-${entry.id}-events`;
    const kept = new Set(entry.query_allowed);
    this.keepsParameter = (name) => kept.has(name);
    this.pattern = new RegExp(`^(?:${entry.origins.map(pattern).join("|")})$`);
  }

  allowsOrigin(origin) {
    return this.pattern.test(origin);
  }

  ownsUrl(url) {
    const origin = /^https?:\/\/[^/?#]*/.exec(url);
    return origin !== null && this.pattern.test(origin[0]);
  }
}

// `https://g1.example`, or `https://*.g1.example` for its subdomains.
const pattern = (origin) => origin.replaceAll(".", "\\.").replace("//*\\.", "//[^/@?#:]+\\.");

const portals = new Map(entries.map((entry) => [entry.id, new Portal(entry)]));
const all = [...portals.values()];

export const portalOf = (id) => portals.get(id);
export const allowedOrigins = (origin) => origin !== null && all.some((portal) => portal.allowsOrigin(origin));
