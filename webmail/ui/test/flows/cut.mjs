// A way to the server that breaks when a flow says so.
import net from "node:net";

/** A door to the server that can be cut: what is open breaks, and nobody gets in. cutAfter: once so many octets went up. */
export async function openCut(to) {
  const open = new Set();
  let shut = false;
  const door = { port: 0, passed: 0, up: 0, cutAfter: Infinity, shut: () => shut, cut: () => { shut = true; for (const s of open) s.destroy(); }, mend: () => { shut = false; }, close: () => new Promise((go) => { server.close(go); for (const s of open) s.destroy(); }) };
  const server = net.createServer((back) => {
    if (shut) return void back.destroy();
    const there = net.connect(to, "127.0.0.1");
    for (const s of [back, there]) {
      open.add(s);
      s.on("error", () => undefined);
      s.on("close", () => { open.delete(s); (s === back ? there : back).destroy(); });
    }
    back.on("data", (d) => {
      door.up += d.length;
      if (door.up < door.cutAfter) return;
      door.cutAfter = Infinity;
      door.cut();
    });
    back.pipe(there);
    there.on("data", (d) => { door.passed += d.length; });
    there.pipe(back);
  });
  await new Promise((go) => server.listen(0, "127.0.0.1", go));
  door.port = server.address().port;
  return door;
}
