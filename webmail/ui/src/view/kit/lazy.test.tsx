// @vitest-environment happy-dom
import { render } from "preact";
import { act } from "preact/test-utils";
import { expect, it } from "vitest";
import { Lazy } from "./lazy.tsx";

it("shows what is asked for now, also if it was fetched before", async () => {
  const place = document.createElement("div");
  const settings = async () => ({ default: () => <p>settings</p> }), server = async () => ({ default: () => <p>server</p> });
  const words = [];
  for (const load of [settings, server, settings, server]) {
    await act(async () => { render(<Lazy load={load} />, place); });
    await act(async () => {});
    words.push(place.textContent);
  }
  expect(words).toEqual(["settings", "server", "settings", "server"]);
});

it("offers to try again what did not come, and only that", async () => {
  const place = document.createElement("div");
  const lost = () => Promise.reject(new Error("no network")), server = async () => ({ default: () => <p>server</p> });
  await act(async () => { render(<Lazy load={lost} />, place); });
  await act(async () => {});
  expect(place.querySelector("button")).not.toBeNull();
  await act(async () => { render(<Lazy load={server} />, place); });
  await act(async () => {});
  expect(place.textContent).toBe("server");
});
