// The salt of the day, read once and kept as a key.
const text = new TextEncoder();

let kept;

export async function saltOf(env, nowMs) {
  const day = new Date(nowMs).toISOString().slice(0, 10);
  if (kept?.day !== day) kept = { day, key: await read(env, day) };
  return kept.key;
}

async function read(env, day) {
  const salt = (await env.STORE.get(`salt/${day}`)) ?? crypto.getRandomValues(new Uint8Array(32)).toHex();
  return crypto.subtle.importKey("raw", text.encode(salt), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
}

// Hex digits of an HMAC; zero bytes keep the parts apart.
export async function hash(key, parts) {
  const bytes = await crypto.subtle.sign("HMAC", key, text.encode(`${parts.join("\0")}\0`));
  return new Uint8Array(bytes).toHex();
}
