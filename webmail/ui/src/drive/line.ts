// What the page and the worker of its owner's files say to each other.
import type { Bytes } from "../vault/bytes.ts";
import type { Event, Serve } from "../shared/line.ts";

export type { Event, State, Word } from "../shared/line.ts";

/** An object at the server, and what opens it. */
export interface Stored { id: string; length: number; secret: Bytes }

/** What became of a file that was brought. */
export interface Sent extends Stored { size: number }

// A file of an archive; without an object it is a folder.
export interface ZipPart { path: string; modified: number; of: Stored | null }

// what: a number that the page gives to an upload or to what it opens.
export type Ask =
  | { do: "put"; what: number; file: Blob }
  | { do: "open"; what: number; of: Stored }
  | { do: "zip"; what: number; name: string; parts: ZipPart[] } // then it is served
  | { do: "read"; what: number; from: number; to: number }
  | ({ do: "serve"; what: number } & Serve) // with a port
  | { do: "pause"; what: number; on: boolean }
  | { do: "stop"; what: number }
  | { do: "close"; what: number } // it is forgotten
  | { do: "wake" }; // the network is back, or somebody wants to try now

// began: the server has room for it under this id, until it is complete or given up.
export type Told = Event | { state: "began"; id: string };

/** What the worker says by itself: of which, and what. */
export interface Heard { what: number; told: Told }

/** The page's side of the worker. */
export interface FilesClient {
  ask<T>(ask: Ask, port?: MessagePort): Promise<T>;
  on(f: (e: Heard) => void): void;
  close(): void;
}
