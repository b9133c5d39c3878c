/** What the reader agreed to. */
export type Consent =
  /** A first-party id, and what could not be delivered yet, may be kept on the device. */
  | "full"
  /** Nothing is kept on the device. */
  | "cookieless"
  /** Nothing is measured. */
  | "off";

/** What kind of page it is; only articles are ever recommended. */
export type PageKind = "article" | "section" | "front" | "other";

/** What a portal says of a page; what it leaves out is found out from the page itself. */
export interface Showing {
  /** Its kind. Left out: its `og:type`, else `front` for `/`, else `other`. */
  page?: PageKind;
  /** Its canonical path. Left out: that of `<link rel=canonical>`, else of the address. */
  item?: string;
}

/** What a portal can set. */
export interface Config extends Showing {
  /** The portal's id, as in `portals.toml`: 1 to 32 of a-z, 0-9 and -. */
  portal: string;
  /** Where the edge is, such as `https://pulso.g1.example`, without a slash at its end; unless said, where this package itself came from. */
  endpoint?: string;
  /** What the reader agreed to; `cookieless` unless said. */
  consent?: Consent;
  /** Selects the element whose scroll depth is measured; the document unless said. */
  content?: string;
  /** A changed fragment (`#/news`) is a navigation. */
  hash?: boolean;
  /** How long a sign of the reader counts as engagement, 1 to 900000 milliseconds; 5000 unless said. */
  idleWindowMs?: number;
  /** A regular expression: pages whose path it matches are not measured. */
  exclude?: string;
  /** No pageview by itself: each begins with `page()`. */
  manual?: boolean;
}

/** What to ask the edge for. */
export interface RecommendationOptions {
  /** Most items of the answer. */
  limit?: number;
  /** Where on the page they go, e.g. `leia-tambem`. */
  placement?: string;
}

/** A running tracker. */
export interface Pulso {
  /** A page is shown: ends the pageview before it and begins the next. */
  page(said?: Showing): void;
  /** Counts something of the portal's own: a name of 1 to 64 bytes, at most 32 flat properties. */
  track(name: string, props?: Record<string, string | number | boolean>): void;
  /** The portal's own id of a reader who is logged in; from the next pageview on, in mode `full`. */
  identify(id: string): void;
  /**
   * The reader agreed to something else. Given, it holds from the next pageview on; withdrawn, at once, and what was kept is erased.
   * @throws Error when the mode is unknown
   */
  consent(mode: Consent): void;
  /** Asks for recommendations; the answer is described in the edge's `openapi.yaml`. */
  recommendations(options?: RecommendationOptions): Promise<unknown>;
  /** Ends the pageview, sends what is left, and listens no longer. */
  stop(): void;
}

/**
 * Starts to measure the page. A second call answers with the tracker that is running.
 * The promise is refused with an `Error` that says what to do when the configuration is wrong.
 *
 * Where WebAssembly is refused (the page's CSP has no `'wasm-unsafe-eval'`) the edge's own `/pulso.js` stands in, the same core as
 * JavaScript, and the promise brings its `window.pulso`; it takes the configuration as it is. Where that is refused too,
 * because the CSP's `script-src` lacks the edge's origin, the `Error` says so.
 */
export function start(config: Config): Promise<Pulso>;
