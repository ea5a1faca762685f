// Runs the engine beside the page, so that the page never waits for it.
import { Engine as Wasm, initSync } from "./wasm/oomsim_lab";
import packed from "./wasm/packed";
import type { Reply, Request } from "./engine";

/** The module, unpacked: it lies in the page as gzip in base64. */
async function bytes(): Promise<ArrayBuffer> {
  const text = atob(packed);
  // A loop: `Uint8Array.from` calls back for each of two million characters.
  const zipped = new Uint8Array(text.length);
  for (let n = 0; n < text.length; n += 1) zipped[n] = text.charCodeAt(n);
  return new Response(new Blob([zipped]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

const engine = bytes().then((module) => {
  initSync({ module });
  return new Wasm();
});

function run(wasm: Wasm, { method, args }: Request): string {
  const [text, number] = [(n: number) => String(args[n]), (n: number) => Number(args[n])];
  switch (method) {
    case "addFile":
      wasm.addFile(text(0), text(1));
      return "null";
    case "check":
      return wasm.check(text(0), text(1));
    case "open":
      return wasm.open(text(0), text(1), text(2));
    case "seek":
      return wasm.seek(number(0), number(1));
    case "step":
      return wasm.step(number(0));
    case "questions":
      return wasm.questions(number(0), number(1));
    case "schema":
      return wasm.schema();
    case "log":
      return wasm.log(text(0));
    case "cures":
      return wasm.cures(text(0), text(1), text(2), number(3));
    case "lesson":
      return wasm.lesson(text(0), text(1));
    case "race":
      return wasm.race(text(0), text(1), text(2), number(3), number(4), number(5));
    case "close":
      wasm.close(number(0));
      return "null";
    case "digests":
      return wasm.digests(text(0), number(1));
  }
}

addEventListener("message", (event: MessageEvent<Request>) => {
  void engine.then((wasm) => postMessage({ id: event.data.id, json: run(wasm, event.data) } satisfies Reply));
});
