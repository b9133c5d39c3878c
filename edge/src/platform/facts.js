// What a request says of the reader's side, a line each, in the order that edge/src/facts.rs reads: one crossing into wasm instead of twelve.
// Header values hold no line breaks.
const HEADERS = [
  "origin", "content-type", "content-encoding", "cf-connecting-ip", "user-agent", "sec-gpc", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest",
];
// Only development looks at these.
const TEST_HEADERS = ["x-pulso-test-panic", "x-pulso-test-ip"];

export function facts({ headers, cf }, isDev) {
  let lines = `${cf?.country ?? ""}\n${cf?.regionCode ?? ""}\n${cf?.botManagement?.score ?? ""}`;
  for (const name of HEADERS) lines += `\n${headers.get(name) ?? ""}`;
  if (isDev) for (const name of TEST_HEADERS) lines += `\n${headers.get(name) ?? ""}`;
  return lines;
}
