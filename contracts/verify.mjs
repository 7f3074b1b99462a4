// Recomputes the bytes and hashes of OFS in a second language; Node >= 18, no packages.
//   node contracts/verify.mjs [--vectors DIR]                      every vector of bytes and hashes
//   node contracts/verify.mjs SNAPSHOTS.jsonl [ARCHIVE_MANIFEST]   the hashes of rebuilt snapshots, an archive's roots
// Exit code 0: all equal; 1: a line on stderr for each difference; 2: wrong usage. One line of summary on stdout.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const MAX_SAFE = 2n ** 53n - 1n;
const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
const hexHash = (text) => sha256(text).toString("hex");
const refuse = (reason) => { throw new Error(reason); };
class NumberLiteral { constructor(text) { this.text = text; } }

// strict JSON: objects are Maps (the last of two members counts), numbers keep their literal
function parse(bytes) {
  let text, at = 0;
  try { text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes); } catch { refuse("not_utf8"); }
  const take = (pattern) => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    at += found?.length ?? 0;
    return found;
  };
  const need = (pattern) => take(pattern) ?? refuse("not_json");
  const around = (read) => { take(/[ \t\n\r]*/y); const found = read(); take(/[ \t\n\r]*/y); return found; };
  const string = () => {
    const value = JSON.parse(need(/"(?:[^"\\\u0000-\u001f]+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y));
    return /\p{Surrogate}/u.test(value) ? refuse("not_json") : value;
  };
  const items = (depth, end, item) => {
    const found = [];
    if (depth > 128) refuse("not_json");
    if (around(() => take(end))) return found;
    do found.push(item()); while (take(/,/y));
    return need(end) && found;
  };
  const member = (depth) => { const name = around(string); need(/:/y); return [name, value(depth)]; };
  const bare = (depth) => {
    if (take(/\[/y)) return items(depth, /\]/y, () => value(depth + 1));
    if (take(/\{/y)) return new Map(items(depth, /\}/y, () => member(depth + 1)));
    if (text[at] === '"') return string();
    const word = take(/true|false|null/y);
    if (word !== undefined) return JSON.parse(word);
    const literal = need(/-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y);
    return literal.length > 100 ? refuse("not_json") : new NumberLiteral(literal);
  };
  const value = (depth) => around(() => bare(depth));
  const whole = value(1);
  return at === text.length ? whole : refuse("not_json");
}

// RFC 8785; JavaScript sorts by UTF-16 code units. Integers are exact, strings beyond 2^53-1; other numbers are doubles
function canonical(value) {
  if (value instanceof NumberLiteral) return number(value.text);
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!(value instanceof Map)) return JSON.stringify(value);
  return `{${[...value.keys()].sort().map((name) => `${JSON.stringify(name)}:${canonical(value.get(name))}`).join(",")}}`;
}
function number(text) {
  if (/[.eE]/.test(text)) return Number.isFinite(Number(text)) ? JSON.stringify(Number(text)) : `"${text}"`;
  const integer = BigInt(text);
  return integer >= -MAX_SAFE && integer <= MAX_SAFE ? `${integer}` : `"${integer}"`;
}

const uint = (size, value) => Buffer.from(BigInt.asUintN(8 * size, BigInt(value)).toString(16).padStart(2 * size, "0"), "hex");
const field = (bytes) => (bytes === null ? uint(4, -1) : Buffer.concat([uint(4, bytes.length), bytes]));
const base64 = (text) => (text === null ? null : Buffer.from(text, "base64"));
function recordDigest({ offset, log_ts_us, ts_type, key, value, headers }) {
  const framed = [Buffer.from("ofs-record/v1\0"), uint(8, offset), uint(8, log_ts_us), uint(1, ts_type)];
  framed.push(field(base64(key)), field(base64(value)), uint(4, headers.length));
  for (const [name, content] of headers) framed.push(field(Buffer.from(name)), field(base64(content)));
  return sha256(...framed);
}
function blockDigests(records) {
  const blocks = new Map();
  for (const record of records) {
    const block = BigInt(record.offset) / 4096n;
    blocks.set(block, [...(blocks.get(block) ?? []), recordDigest(record)]);
  }
  return [...blocks].map(([block, digests]) => sha256(uint(1, 0), uint(8, block), uint(4, digests.length), ...digests));
}
function merkle(leaves) { // RFC 6962's shape
  if (leaves.length < 2) return leaves[0] ?? sha256("");
  const split = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return sha256(uint(1, 1), merkle(leaves.slice(0, split)), merkle(leaves.slice(split)));
}

function writtenBytes(written) { // a text, {base64}, or {repeat: [before, unit, count, after]}
  if (typeof written === "string") return Buffer.from(written);
  if (written.base64 !== undefined) return base64(written.base64);
  const [before, unit, count, after] = written.repeat;
  return Buffer.from(before + unit.repeat(count) + after);
}
const CHECKS = { // whether a vector holds; `exact` is the vector with its number literals
  "canonical.json": ({ text, canonical: expected, sha256: hash, rejected }) => {
    let found;
    try { found = canonical(parse(writtenBytes(text))); } catch (error) { return error.message === rejected; }
    return rejected === undefined && found === `${writtenBytes(expected)}` && hexHash(found) === hash;
  },
  "hashes.json": (vector, exact) => {
    const found = canonical(exact.get("identity"));
    return found === vector.canonical && hexHash(found) === vector.snapshot_hash;
  },
  "content.json": ({ records, blocks, root }) => {
    const [found, hex] = [blockDigests(records), (digests) => digests.map((digest) => digest.toString("hex")).join()];
    const isEqual = hex(records.map(recordDigest)) === records.map(({ digest }) => digest).join();
    return isEqual && hex(found) === blocks.map(({ digest }) => digest).join() && hex([merkle(found)]) === root;
  },
  "definitions.json": ({ canonical: text, digest }) => canonical(parse(Buffer.from(text))) === text && hexHash(text) === digest,
  "operators.json": ({ digest }, exact) => hexHash(canonical(exact.get("definition"))) === digest,
};
function checkVectors(folder, differs) {
  const files = Object.keys(CHECKS).map((file) => [file, readFileSync(join(folder, file))]);
  return files.map(([file, bytes]) => {
    const [vectors, exact] = [JSON.parse(bytes), parse(bytes)];
    vectors.forEach((vector, index) => CHECKS[file](vector, exact[index]) || differs(`${file}: ${vector.name}`));
    return `${vectors.length} of ${file}`;
  }).join(", ");
}
function checkSnapshots(file, differs) {
  const lines = `${readFileSync(file)}`.split("\n").filter((line) => line !== "");
  for (const [index, line] of lines.entries()) {
    const snapshot = parse(Buffer.from(line));
    const recorded = snapshot.get("snapshot_hash");
    for (const outside of ["snapshot_hash", "provenance"]) snapshot.delete(outside);
    if (hexHash(canonical(snapshot)) !== recorded) differs(`${file}:${index + 1}: snapshot_hash ${recorded}`);
  }
  return `${lines.length} snapshots`;
}
function checkManifest(file, differs) {
  for (const { partition, blocks, content_root: recorded } of JSON.parse(readFileSync(file)).partitions) {
    const root = merkle(blocks.map(({ digest }) => Buffer.from(digest, "hex"))).toString("hex");
    if (root !== recorded) differs(`${file}: partition ${partition}: content_root ${recorded}`);
  }
  return "the archive's content roots";
}
function main(args, differences = []) {
  const [isVectors, differs] = [args.length === 0 || args[0] === "--vectors", (what) => differences.push(what)];
  if (args.length > 2 || args.at(-1)?.startsWith("-")) return console.error("usage: see the head of verify.mjs") ?? 2;
  const checked = isVectors
    ? [checkVectors(args[1] ?? fileURLToPath(new URL("vectors", import.meta.url)), differs)]
    : [checkSnapshots(args[0], differs), ...args.slice(1).map((file) => checkManifest(file, differs))];
  for (const difference of differences) console.error(`differs: ${difference}`);
  console.log(`checked ${checked.join(", ")}: ${differences.length === 0 ? "all equal" : `${differences.length} differ`}`);
  return differences.length === 0 ? 0 : 1;
}
try { process.exitCode = main(process.argv.slice(2)); } catch (error) { console.error(`failed: ${error.message}`); process.exitCode = 1; }
