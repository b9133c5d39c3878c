// What a request says of the reader's side, a line each, in the order that edge/src/facts.rs reads: one crossing into wasm instead of nine.
// Header values hold no line breaks.
const HEADERS = ["origin", "content-type", "cf-connecting-ip", "user-agent", "sec-fetch-site", "sec-gpc"];
// Only development looks at these.
const TEST_HEADERS = ["x-pulso-test-panic"];

export function facts(request, isDev) {
  const { headers, cf } = request;
  let lines = `${cf?.country ?? ""}\n${cf?.regionCode ?? ""}`;
  for (const name of HEADERS) lines += `\n${headers.get(name) ?? ""}`;
  if (isDev) for (const name of TEST_HEADERS) lines += `\n${headers.get(name) ?? ""}`;
  return lines;
}
