// What the scripts for Node.js have in common: named checks, each on an empty store, all of them run even if one fails.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

// usage: node SCRIPT PORT DIRECTORY, which has node_modules in it
export const [port, directory] = [Number(process.argv[2]), process.argv[3]];
export const require = createRequire(`${directory}/`);

export async function run(library, client, checks) {
  let failed = 0;
  for (const [name, check] of Object.entries(checks)) {
    try {
      await (client.flushall ?? client.flushAll).call(client);
      await check(client);
    } catch (error) {
      failed++;
      console.error(`${library}: ${name}: ${error.stack}`);
    }
  }
  const { version } = require(`${library}/package.json`);
  const count = Object.keys(checks).length;
  console.log(`${library} ${version} on Node.js ${process.versions.node}: ${count - failed} of ${count} checks passed`);
  process.exitCode = failed ? 1 : 0;
}

export { assert };
