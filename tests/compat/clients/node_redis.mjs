// npm's `redis` against the server at 127.0.0.1:PORT, in RESP2 and in RESP3.
import { assert, port, require, run } from './checks.mjs';

const { createClient } = require('redis');
const connect = (options) =>
  createClient({ socket: { host: '127.0.0.1', port }, ...options }).on('error', (error) => console.error(error)).connect();

const client = await connect();
const resp3 = await connect({ RESP: 3 });

const values = async (r) => {
  assert.equal(await r.set('k', 'v'), 'OK');
  assert.equal(await r.get('k'), 'v');
  assert.equal(await r.get('nothing'), null);
  assert.equal(await r.set('k', 'w', { condition: 'NX' }), null);
  assert.equal(await r.set('k', 'w', { GET: true, expiration: { type: 'EX', value: 100 } }), 'v');
  assert.ok((await r.ttl('k')) > 98);
  assert.equal(await r.getEx('k', { type: 'PERSIST' }), 'w');
  assert.equal(await r.getDel('k'), 'w');
  assert.equal(await r.mSet({ a: '1', b: '2' }), 'OK');
  assert.deepEqual(await r.mGet(['a', 'b', 'c']), ['1', '2', null]);
  assert.equal(await r.incr('a'), 2);
  assert.equal(await r.incrByFloat('a', 0.5), '2.5');
  assert.equal(await r.append('b', 'x'), 2);
  assert.equal(await r.getRange('b', 0, 0), '2');
  assert.equal(await r.setRange('b', 1, 'yz'), 3);
  assert.equal(await r.setBit('bits', 7, 1), 0);
  assert.equal(await r.bitCount('bits'), 1);
  assert.equal(await r.expire('b', 100, 'NX'), 1);
  assert.equal(await r.rename('a', 'c'), 'OK');
  assert.equal(await r.copy('c', 'd'), 1);
  assert.equal(await r.exists(['a', 'c', 'd']), 2);
  assert.equal(await r.type('c'), 'string');
};

const transactions = async (r, other) => {
  assert.deepEqual(await r.multi().set('a', '1').incr('a').get('a').exec(), ['OK', 2, '2']);
  const watching = await connect();
  await watching.watch('a');
  await other.set('a', '5');
  await assert.rejects(watching.multi().set('a', '6').exec(), { name: 'Error', message: /watched keys/ });
  await watching.close();
  assert.equal(await r.get('a'), '5');
};

await run('redis', client, {
  values,
  'values in RESP3': () => values(resp3),
  transactions: (r) => transactions(r, resp3),
  'transactions in RESP3': (r) => transactions(resp3, r),
  'commands in one tick are a pipeline': async (r) => {
    const wanted = Array.from({ length: 1000 }, (_, i) => i + 1);
    assert.deepEqual(await Promise.all(wanted.map(() => r.incr('n'))), wanted);
  },
  'scanIterator finds every key': async (r) => {
    await r.mSet(Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`key:${i}`, `${i}`])));
    const found = new Set();
    for await (const keys of r.scanIterator({ MATCH: 'key:*', COUNT: 100 })) for (const key of keys) found.add(key);
    assert.equal(found.size, 1000);
  },
  errors: async (r) => {
    await r.set('k', 'text');
    await assert.rejects(r.incr('k'), /value is not an integer or out of range/);
    await assert.rejects(r.sendCommand(['NOSUCH', 'a']), /unknown command 'NOSUCH'/);
    assert.equal(await r.ping(), 'PONG');
  },
  'what it asks about the server': async (r) => {
    assert.match(await r.info(), /redis_version/);
    assert.equal(typeof (await r.configGet('*')), 'object');
    assert.ok((await r.clientId()) > 0);
    assert.equal(await r.clientSetName('judge'), 'OK');
    assert.equal(await r.dbSize(), 0);
    assert.ok((await r.commandCount()) > 60);
  },
});
await client.close();
await resp3.close();
