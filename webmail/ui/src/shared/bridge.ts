// In the service worker: a request under a link's page is answered by that page, whose
// worker fetches and opens the file. Nothing is kept here, no key and no content, so it
// does no harm if a browser ends the service worker between two requests.
import type { Begin, Piece } from "./line.ts";

const place = /^\/f\/[\w-]{22}\/([0-9a-f]{32})$/;
const media = /^(?:audio|video)\/[a-z0-9]{2,8}$/;
const patience = 10_000;

/** Whether a page is to answer for a path: one that nobody guesses. */
export const bridged = (path: string): boolean => place.test(path);

export interface Window { postMessage(message: unknown, transfer: Transferable[]): void }

/** Asks the windows; the one whose file it is answers. */
export async function bridge(windows: readonly Window[], path: string, range: string | null): Promise<Response> {
  const token = place.exec(path)?.[1];
  const lines = windows.map((w) => {
    const line = new MessageChannel();
    w.postMessage({ file: token, range }, [line.port2]);
    return line.port1;
  });
  const answered = await new Promise<{ port: MessagePort; begin: Begin } | null>((done) => {
    const timer = setTimeout(() => done(null), lines.length > 0 ? patience : 0);
    for (const port of lines) {
      port.onmessage = (e: MessageEvent<Piece>) => {
        clearTimeout(timer);
        done("begin" in e.data ? { port, begin: e.data.begin } : null);
      };
    }
  });
  for (const port of lines) if (port !== answered?.port) port.close();
  if (!answered) return new Response(null, { status: 404 });
  return new Response(streamOf(answered.port), { status: answered.begin.part ? 206 : 200, headers: headersOf(answered.begin) });
}

// Only sound and moving pictures are ever shown from here. All else is a file to be saved,
// whatever it says that it is.
export function headersOf(b: Begin): Record<string, string> {
  const shown = !b.save && media.test(b.type);
  const name = encodeURIComponent(b.name.toWellFormed()).replace(/['()*]/g, (c) => "%" + c.charCodeAt(0).toString(16));
  return {
    "Content-Type": shown ? b.type : "application/octet-stream",
    "Content-Disposition": shown ? "inline" : `attachment; filename*=UTF-8''${name}`,
    "Content-Length": String(b.to - b.from),
    "Content-Security-Policy": "default-src 'none'" + (shown ? "; sandbox" : ""),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    ...(shown && { "Accept-Ranges": "bytes" }),
    ...(b.part && { "Content-Range": `bytes ${b.from}-${b.to - 1}/${b.size}` }),
  };
}

// One piece for each time that the browser wants more: what it does not take is not fetched.
function streamOf(port: MessagePort): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      return new Promise<void>((done) => {
        port.onmessage = (e: MessageEvent<Piece>) => {
          if ("piece" in e.data) controller.enqueue(new Uint8Array(e.data.piece));
          else if ("end" in e.data) controller.close();
          else controller.error(new TypeError("the file is not whole"));
          done();
        };
        port.postMessage("more");
      });
    },
    cancel() {
      port.postMessage("stop");
      port.close();
    },
  }, { highWaterMark: 1 });
}
