// npm's `ioredis` against the server at 127.0.0.1:PORT.
import { assert, port, require, run } from './checks.mjs';

const { Redis } = require('ioredis');
const connect = (options) => new Redis({ host: '127.0.0.1', port, ...options });

const client = connect();
const other = connect({ connectionName: 'judge' });

await run('ioredis', client, {
  values: async (r) => {
    assert.equal(await r.set('k', 'v'), 'OK');
    assert.equal(await r.get('k'), 'v');
    assert.equal(await r.get('nothing'), null);
    assert.equal(await r.set('k', 'w', 'NX'), null);
    assert.equal(await r.set('k', 'w', 'EX', 100, 'GET'), 'v');
    assert.ok((await r.ttl('k')) > 98);
    assert.equal(await r.getex('k', 'PERSIST'), 'w');
    assert.equal(await r.getdel('k'), 'w');
    assert.equal(await r.mset({ a: '1', b: '2' }), 'OK');
    assert.deepEqual(await r.mget('a', 'b', 'c'), ['1', '2', null]);
    assert.equal(await r.incrby('a', 2), 3);
    assert.equal(await r.incrbyfloat('a', 0.5), '3.5');
    assert.equal(await r.setrange('b', 1, 'yz'), 3);
    assert.deepEqual(await r.getBuffer('b'), Buffer.from('2yz'));
    assert.equal(await r.setbit('bits', 7, 1), 0);
    assert.equal(await r.bitpos('bits', 1), 7);
    assert.equal(await r.rename('a', 'c'), 'OK');
    assert.equal(await r.exists('a', 'c'), 1);
  },
  transactions: async (r) => {
    assert.deepEqual(await r.multi().set('a', 1).incr('a').get('a').exec(), [[null, 'OK'], [null, 2], [null, '2']]);
    await r.watch('a');
    await other.set('a', 5);
    assert.equal(await r.multi().set('a', 6).exec(), null);
    assert.equal(await r.get('a'), '5');
    await assert.rejects(r.multi().set('a').exec(), /EXECABORT/);
  },
  pipelines: async (r) => {
    const pipeline = r.pipeline();
    for (let i = 0; i < 1000; i++) pipeline.incr('n');
    const replies = await pipeline.exec();
    assert.deepEqual(replies.map(([, n]) => n), Array.from({ length: 1000 }, (_, i) => i + 1));
  },
  'scanStream finds every key': async (r) => {
    await r.mset(Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`key:${i}`, i])));
    const found = new Set();
    for await (const keys of r.scanStream({ match: 'key:*', count: 100 })) for (const key of keys) found.add(key);
    assert.equal(found.size, 1000);
  },
  errors: async (r) => {
    await r.set('k', 'text');
    await assert.rejects(r.incr('k'), /value is not an integer or out of range/);
    await assert.rejects(r.call('NOSUCH', 'a'), /unknown command 'NOSUCH'/);
    assert.equal(await r.ping(), 'PONG');
  },
  'what it asks about the server': async () => {
    assert.match(await other.info(), /redis_version/);
    assert.equal(await other.client('GETNAME'), 'judge');
    assert.ok(Array.isArray(await other.config('GET', '*')));
    assert.ok((await other.command('COUNT')) > 60);
  },
});
await client.quit();
await other.quit();
