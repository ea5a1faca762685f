// What the lab remembers stays in this browser; where it may not be kept, the lab works without.
export function stored<T>(key: string, otherwise: T): T {
  try {
    const text = localStorage.getItem(`oomsim-${key}`);
    return text === null ? otherwise : (JSON.parse(text) as T);
  } catch {
    return otherwise;
  }
}

export function store(key: string, value: unknown): void {
  try {
    localStorage.setItem(`oomsim-${key}`, JSON.stringify(value));
  } catch {
    // Private windows and files from a disk may have no storage.
  }
}

/** A scenario as the end of an address, packed. */
export async function toFragment(text: string): Promise<string> {
  const packed = await through(new TextEncoder().encode(text), new CompressionStream("deflate-raw"));
  let binary = "";
  for (const byte of packed) binary += String.fromCharCode(byte);
  return `#s=${btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
}

/** The scenario of an address; null when it holds none. */
export async function fromFragment(fragment: string): Promise<string | null> {
  const match = /^#s=([\w-]+)$/.exec(fragment);
  if (!match?.[1]) return null;
  try {
    const binary = atob(match[1].replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (c) => c.charCodeAt(0));
    return new TextDecoder().decode(await through(bytes, new DecompressionStream("deflate-raw")));
  } catch {
    return null;
  }
}

/** Longest scenario that is unpacked, as in the program itself: a short address could become more than a browser holds. */
const MAX_TEXT = 16 << 20;

async function through(bytes: Uint8Array<ArrayBuffer>, stream: CompressionStream | DecompressionStream): Promise<Uint8Array> {
  const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (let length = 0; length <= MAX_TEXT; ) {
    const { done, value } = await reader.read();
    if (done) return new Uint8Array(await new Blob(parts).arrayBuffer());
    parts.push(value);
    length += value.length;
  }
  await reader.cancel();
  throw new RangeError("too long");
}
