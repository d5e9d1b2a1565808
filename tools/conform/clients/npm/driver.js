"use strict";
// A framework on npm's mesos-framework: subscribes, launches one command task,
// acknowledges its updates, tears down. Exits 0 when every callback was seen.
//
// usage: node driver.js HOST PORT
const { Scheduler, Mesos } = require("mesos-framework");
const mesos = Mesos.getMesos();

const [host, port] = process.argv.slice(2);
const seen = new Set();
const wanted = ["subscribed", "heartbeat", "offers", "sent_accept", "update", "sent_acknowledge", "finished"];

const scheduler = new Scheduler({
  masterUrl: host,
  port: Number(port),
  frameworkName: "npm-conformance",
  frameworkFailoverTimeout: 1,
  restartStates: [],
  logging: { level: "error" },
  tasks: {
    hello: {
      priority: 1,
      instances: 1,
      commandInfo: new mesos.CommandInfo(null, null, true, "echo hello from npm", null, null),
      resources: { cpus: 0.1, mem: 32, ports: 0, disk: 0 },
    },
  },
});

const deadline = setTimeout(() => {
  console.error("gave up; seen: " + [...seen].join(" ") + "; wanted: " + wanted.join(" "));
  process.exit(1);
}, 60000);

function note(name) {
  seen.add(name);
  if (wanted.every((w) => seen.has(w)) && !seen.has("tearing down")) {
    seen.add("tearing down");
    scheduler.once("sent_teardown", () => {
      clearTimeout(deadline);
      console.log("all callbacks seen: " + wanted.join(" "));
      process.exit(0);
    });
    scheduler.teardown();
  }
}

scheduler.on("error", (err) => {
  // TEARDOWN ends the event stream, which this client reports as an error.
  if (seen.has("tearing down")) return;
  console.error("error event: " + (err.message || JSON.stringify(err)));
  process.exit(1);
});
for (const name of ["subscribed", "heartbeat", "offers", "sent_accept", "sent_acknowledge"]) {
  scheduler.on(name, () => note(name));
}
scheduler.on("update", (update) => {
  note("update");
  if (update.status.state === "TASK_FINISHED") note("finished");
});
scheduler.on("ready", () => scheduler.subscribe());
