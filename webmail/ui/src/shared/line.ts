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
export type Word = "password" | "wrong" | "gone" | "damaged" | "slow-down" | "offline" | "stopped" | Refusal;
// Of what is brought. changed: the file on the disk is another now.
export type Refusal = "changed" | "over-quota" | "too-many" | "too-large" | "signed-out" | "refused";

export interface Serve { save: boolean; type: string; name: string; range: string | null }

export type Ask =
  | { do: "look"; id: string; secret: string; password: string }
  | { do: "read"; from: number; to: number }
  | ({ do: "serve" } & Serve) // with a port
  | { do: "pause"; on: boolean }
  | { do: "wake" } // the network is back, or somebody wants to try now
  | { do: "stop" };

export type State = "running" | "waiting" | "paused" | "done" | "stopped" | "failed";
export interface Event { state: State; have: number; word?: Word }

export interface Call<A = Ask> { n: number; ask: A }
export type Answer<E = Event> = { n: number; value?: unknown; word?: Word } | { event: E };

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
