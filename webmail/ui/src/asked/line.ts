// What page and worker of an upload request say to each other.
import type { State, Word } from "../shared/line.ts";

export interface Told {
  title: string; // in the owner's words
  note: string;
  expires: number; // seconds
  files: number; // that may still come,
  bytes: number; // and what they may have in all, sealed
  report: string;
}

export type Ask =
  | { do: "look"; id: string; secret: string }
  | { do: "bring"; n: number; file: File } // n: what its events are called by
  | { do: "stop"; n: number }
  | { do: "wake" }; // the network is back, or somebody wants to try now

export interface Event { n: number; state: State; have: number } // have: octets of the file
export type { Word };
