// What page, worker and service worker of a link say to each other.

// What the worker says of a link that is open. The file's secret stays with it.
export interface Told {
  name: string;
  type: string; // of media, as its sender says: nothing to trust
  length: number;
  expires: number; // seconds
  left: number | null; // downloads; null: no limit
  report: string; // where abuse may be reported
  password: boolean; // one was used
}

// password: one is needed. wrong: it is not this one. gone: it ended, was taken back, never
// was, or its secret is another. damaged: what came is not what was sealed.
export type Word = "password" | "wrong" | "gone" | "damaged" | "slow-down" | "offline" | "stopped";

export type Ask =
  | { do: "look"; id: string; secret: string; password: string }
  | { do: "read"; from: number; to: number }
  | { do: "serve"; save: boolean; type: string; name: string; range: string | null } // with a port
  | { do: "pause"; on: boolean }
  | { do: "wake" } // the network is back, or somebody wants to try now
  | { do: "stop" };

export type State = "running" | "waiting" | "paused" | "done" | "stopped" | "failed";
export interface Event { state: State; have: number; word?: Word }

export interface Call { n: number; ask: Ask }
export type Answer = { n: number; value?: unknown; word?: Word } | { event: Event };

// What a page answers to the service worker, before what is behind it comes.
export interface Begin {
  save: boolean;
  type: string; // of audio or video; else it is saved
  name: string;
  size: number; // of all
  from: number;
  to: number; // from and to: what comes, if a range was asked for
  part: boolean;
}
export type Piece = { begin: Begin } | { piece: ArrayBuffer } | { end: true } | { broken: true };
