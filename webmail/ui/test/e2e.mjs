// What a person does in the webmail, against a real server: each flow asserts what is
// seen. Ends with 1 and the names of the flows that failed.
//
//   node test/e2e.mjs [pattern of the names of flows]
import { rmSync } from "node:fs";
import { spent } from "./flows/cost.mjs";
import { canary } from "./flows/canary.mjs";
import { openStage } from "./flows/stage.mjs";
import { flows } from "./flows/index.mjs";

const only = new RegExp(process.argv[2] ?? "");
const stage = await openStage();
let failed = 0;
try {
  const last = ["at last", async () => { for (const look of stage.atLast) await look(); }];
  for (const [name, run] of [...flows, last]) {
    if (!only.test(name) && name !== "sign in" && name !== "at last") continue;
    const began = Date.now(), before = spent();
    try {
      await stage.desk?.page.evaluate(() => { location.hash = "#/inbox"; }); // wherever the last one left it
      await run(stage);
      stage.check();
      console.log(`ok ${name} (${((Date.now() - began) / 1000).toFixed(1)} s, ${(spent() - before).toFixed(1)} s of processor time)`);
    } catch (e) {
      failed++;
      console.log(`FAILED ${name}: ${e.stack ?? e}`);
      await stage.picture(`failed-${name.replace(/\W+/g, "-")}`);
      if (name === "sign in") break; // the others stand on it
    }
  }
  await stage.close();
  await stage.demo.stop({ keep: true });
  if (only.test("canary")) {
    const began = Date.now();
    canary(stage);
    console.log(`ok canary (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  }
} catch (e) {
  failed++;
  console.log(`FAILED canary: ${e.stack ?? e}`);
} finally {
  await stage.demo.kill();
  rmSync(stage.demo.folder, { recursive: true, force: true });
}
if (!failed) console.log("all flows passed");
process.exit(failed ? 1 : 0); // also where a browser of a failed flow still runs: it ends with us
