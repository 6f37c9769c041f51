// Whose work a request is: W3C Trace Context. The page records nothing; it only names the trace, so
// that what the servers record of one answer can be found by its id.

export interface Trace {
  /** 32 hexadecimal digits. */
  readonly id: string;
  /** Of the header `traceparent`. */
  readonly parent: string;
}

/** `random` fills an array with random bytes; all zero is no id. */
export function newTrace(random: (bytes: Uint8Array) => void = (bytes) => void crypto.getRandomValues(bytes)): Trace {
  const bytes = new Uint8Array(24);
  random(bytes);
  bytes[15] = (bytes[15] ?? 0) | 1;
  bytes[23] = (bytes[23] ?? 0) | 1;
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const id = digits.slice(0, 32);
  return { id, parent: `00-${id}-${digits.slice(32)}-01` };
}
