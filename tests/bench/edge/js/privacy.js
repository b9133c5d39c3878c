// What names a person is taken out of every address and every text: e-mail addresses, CPFs, telephone numbers, keys.

// Nearly every text is harmless, and this tells so.
const SUSPICIOUS = /[@=]|%[0-9a-f]{2}|\d(?:[ .\-\u0080-\uffff]*\d){7}|[a-z\d]{16}/i;
const EMAIL = /[\w.%+'\-\u0080-\uffff]+(?:@|%40|%2540)[a-z\d\-\u0080-\uffff]+(?:\.[a-z\d\-\u0080-\uffff]+)*\.[a-z\u0080-\uffff]{2,}/gi;
const CPF = /(?<![\w.,/-])\d{3}[ .\-/]?\d{3}[ .\-/]?\d{3}[ .\-/]?\d{2}(?![\w])(?![.,-]\d)/g;
const PHONE = /(?<![\w.,/-])(?:(?:\+55|0055)[ .-]?\(?\d{2}\)?|\(\d{2}\)|\d{2})[ .-]?9[ .-]?\d{4}[ .-]?\d{4}(?![\w])(?![.,-]\d)|(?<![\w.,/-])(?:\+55[ .-]?\(?\d{2}\)?|\(\d{2}\))[ .-]?[2-5]\d{3}[ .-]?\d{4}(?![\w])(?![.,-]\d)/g;
const NAMED = /(?<![\w-])(token|access_token|id_token|refresh_token|auth_token|auth|authorization|apikey|api_key|key|secret|password|passwd|pwd|senha|session|sessionid|session_id|jsessionid|phpsessid|sid|jwt|otp|code|codigo|sig|signature|hash)=[^&;/?#,"'<> (][^&;/?#,"'<> ]*/gi;
const TOKEN = /(?<![\w-])eyJ[\w-]{14,}[\w.-]*/g;
const WORD = /(?<![\w-])[\w-]{24,}(?![\w-])/g;

// Each check digit of a CPF is the weighted sum of those before, times ten, modulo eleven.
function isCpf(text) {
  const digits = text.replace(/\D/g, "");
  const check = (count) => {
    let sum = 0;
    for (let place = 0; place < count; place++) sum += Number(digits[place]) * (count + 1 - place);
    return ((sum * 10) % 11) % 10 === Number(digits[count]);
  };
  return check(9) && check(10) && !/^(\d)\1*$/.test(digits);
}

const kind = (c) => (c >= "0" && c <= "9" ? 1 : c >= "A" && c <= "Z" ? 2 : c >= "a" && c <= "z" ? 3 : 0);

// Words keep to one kind of letter; what is drawn by lot does not.
function isDrawn(word) {
  let changes = 0;
  let capitals = 0;
  for (let at = 1; at < word.length; at++) {
    const [one, next] = [kind(word[at - 1]), kind(word[at])];
    if (one === 2 && next === 3) capitals++;
    else if (one !== next && one !== 0 && next !== 0) changes++;
  }
  return Math.max(changes - Math.floor(capitals / 2), 0) * 6 >= word.length;
}

const isKey = (word, isPath) =>
  /\d/.test(word) && (isPath ? word.length >= 40 && /[a-z]/.test(word) && /[A-Z]/.test(word) : true) && isDrawn(word);

export function masked(text, isPath = false) {
  if (!SUSPICIOUS.test(text)) return text;
  return text
    .replace(EMAIL, "(email)")
    .replace(NAMED, (_, name) => `${name}=(token)`)
    .replace(TOKEN, "(token)")
    .replace(CPF, (found) => (isCpf(found) ? "(cpf)" : found))
    .replace(PHONE, "(phone)")
    .replace(WORD, (word) => (isKey(word, isPath) ? "(token)" : word));
}

const isUtm = (name) => name.startsWith("utm_");
const isAny = () => true;

function cleaned(url, keeps, isPicture = false) {
  if (!/[?#]/.test(url) && !SUSPICIOUS.test(url)) return url;
  const [whole] = url.split("#", 1);
  const at = whole.indexOf("?");
  const [, scheme, host, path] = /^([a-z]+:\/\/)(?:[^/]*@)?([^/]*)(.*)$/s.exec(at < 0 ? whole : whole.slice(0, at));
  const base = scheme + host + masked(path, true);
  if (at < 0) return base;
  const kept = [];
  for (const pair of whole.slice(at + 1).split("&")) {
    const [name, ...value] = pair.split("=");
    if (name === "" || !keeps(name)) continue;
    const spaced = value.join("=").replaceAll("+", " ");
    const clean = masked(spaced, isPicture);
    kept.push(clean === spaced ? pair : `${name}=${clean.replaceAll(" ", "+")}`);
  }
  return kept.length > 0 ? `${base}?${kept.join("&")}` : base;
}

// Addresses keep what names a campaign; and whose links lead where.
export function clean(batch, portal) {
  const address = (url) => cleaned(url, portal.ownsUrl(url) ? portal.keepsParameter : isUtm);
  const before = batch.item ?? batch.url;
  batch.url = address(batch.url);
  if (batch.referrer !== undefined) batch.referrer = address(batch.referrer);
  if (batch.item !== undefined) batch.item = masked(batch.item, true);
  const isNamed = batch.item === undefined ? before.split(/[?#]/, 1)[0] !== batch.url.split("?", 1)[0] && masked(before, true) !== before : batch.item !== before;
  if (isNamed && batch.page === "article") batch.page = "other";
  const { meta } = batch;
  if (meta !== undefined) {
    if (meta.title !== undefined) meta.title = masked(meta.title);
    if (meta.section !== undefined) meta.section = masked(meta.section);
    if (meta.image !== undefined) meta.image = cleaned(meta.image, isAny, true);
  }
  for (const event of batch.events) {
    if (event.kind === "click") {
      event.href = address(event.href);
      if (event.link !== "download") event.link = portal.ownsUrl(event.href) ? "internal" : "outbound";
    } else if (event.kind === "impression") {
      event.placement = masked(event.placement);
      event.items = event.items.map((item) => masked(item, true));
    } else if (event.kind === "custom") {
      event.name = masked(event.name);
      if (event.props !== undefined) event.props = properties(event.props);
    }
  }
}

function properties(props) {
  const clean = {};
  for (const [name, value] of Object.entries(props)) {
    let kept = value;
    if (typeof value === "string") kept = masked(`${name}=${masked(value)}`).slice(name.length + 1);
    else if (typeof value === "number" && masked(String(value)) !== String(value)) kept = masked(String(value));
    clean[masked(name)] = kept;
  }
  return clean;
}
