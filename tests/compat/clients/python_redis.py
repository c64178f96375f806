#!/usr/bin/python3 -B
"""Debian's python3-redis against the server at 127.0.0.1:PORT.   usage: python_redis.py PORT"""

import sys
import threading
import time

import redis

checks = []


def check(function):
    checks.append(function)
    return function


def expect(got, wanted):
    if got != wanted:
        raise AssertionError(f"got {got!r}, wanted {wanted!r}")


def refused(call, words, kind=redis.ResponseError):
    try:
        got = call()
    except kind as error:
        if words not in str(error):
            raise AssertionError(f"{error} does not say {words!r}") from error
    else:
        raise AssertionError(f"got {got!r}, wanted an error")


@check
def values(r):
    expect(r.set("k", "v"), True)
    expect(r.get("k"), b"v")
    expect(r.get("nothing"), None)
    r["item"] = "by index"
    expect(r["item"], b"by index")
    expect("item" in r, True)
    expect(r.set(b"\x00\xff", b"\r\n\x00"), True)
    expect(r.get(b"\x00\xff"), b"\r\n\x00")
    expect(r.set("k", "w", nx=True), None)
    expect(r.set("k", "w", xx=True, get=True), b"v")
    expect(r.set("k", "x", ex=100), True)
    expect(r.set("k", "y", keepttl=True), True)
    expect(99 <= r.ttl("k") <= 100, True)
    expect(r.set("k", "y", pxat=int(time.time() * 1000) + 90_000), True)
    expect(r.getex("k", persist=True), b"y")
    expect(r.ttl("k"), -1)
    expect(r.getdel("k"), b"y")
    expect(r.mset({"a": 1, "b": 2}), True)
    expect(r.mget("a", "b", "c"), [b"1", b"2", None])
    expect(r.msetnx({"b": 1, "c": 2}), False)
    expect(r.setnx("a", 1), False)
    expect(r.setex("e", 100, "v"), True)
    expect(r.psetex("e", 100_000, "v"), True)
    expect(r.getset("a", "new"), b"1")
    expect(r.append("a", "er"), 5)
    expect(r.strlen("a"), 5)
    expect(r.getrange("a", 0, 2), b"new")
    expect(r.setrange("a", 3, "EST"), 6)
    expect(r.get("a"), b"newEST")


@check
def numbers(r):
    expect([r.incr("n"), r.incrby("n", 10), r.decr("n"), r.decrby("n", 5)], [1, 11, 10, 5])
    expect(r.incrbyfloat("n", 0.5), 5.5)
    refused(lambda: r.incr("n"), "value is not an integer or out of range")


@check
def bits_and_sequences(r):
    expect([r.setbit("b", 7, 1), r.getbit("b", 7), r.bitcount("b"), r.bitpos("b", 1)], [0, 1, 1, 7])
    r.mset({"x": "ohmytext", "y": "mynewtext"})
    expect(r.lcs("x", "y"), b"mytext")
    expect(r.lcs("x", "y", len=True), 6)
    expect(r.lcs("x", "y", idx=True, minmatchlen=4), [b"matches", [[[4, 7], [5, 8]]], b"len", 6])


@check
def keys(r):
    r.mset({f"key:{i}": i for i in range(1000)})
    expect(r.dbsize(), 1000)
    expect(sorted(r.scan_iter("key:*", count=100)), sorted(f"key:{i}".encode() for i in range(1000)))
    expect(sorted(r.keys("key:99?")), sorted(f"key:99{i}".encode() for i in range(10)))
    expect(r.exists("key:1", "key:2", "nothing"), 2)
    expect(r.touch("key:1"), 1)
    expect(r.type("key:1"), b"string")
    expect(r.rename("key:1", "renamed"), True)
    refused(lambda: r.rename("nothing", "x"), "no such key")
    expect(r.renamenx("key:2", "key:3"), False)
    expect(r.copy("key:3", "copied"), True)
    expect(r.randomkey().startswith((b"key:", b"renamed", b"copied")), True)
    expect(r.delete("key:3", "copied", "nothing"), 2)
    expect(r.unlink("key:4"), 1)
    expect(r.flushdb(), True)
    expect(r.dbsize(), 0)


@check
def expiry(r):
    r.set("k", "v")
    expect(r.expire("k", 100), True)
    expect(r.expire("k", 50, gt=True), False)
    expect(r.pexpire("k", 100_000, xx=True), True)
    expect(99_000 < r.pttl("k") <= 100_000, True)
    when = int(time.time()) + 5000
    expect(r.expireat("k", when), True)
    expect(r.expiretime("k"), when)
    expect(r.pexpireat("k", when * 1000 + 5), True)
    expect(r.pexpiretime("k"), when * 1000 + 5)
    expect(r.persist("k"), True)
    expect(r.ttl("k"), -1)


@check
def pipelines_and_transactions(r):
    with r.pipeline(transaction=False) as pipe:
        for i in range(1000):
            pipe.incr("n")
        expect(pipe.execute(), list(range(1, 1001)))
    with r.pipeline() as pipe:
        expect(pipe.set("a", 1).incr("a").get("a").execute(), [True, 2, b"2"])
        pipe.set("a", "x").incr("a")
        refused(pipe.execute, "value is not an integer")
    with r.pipeline() as pipe:
        pipe.watch("a")
        r.set("a", 5)
        pipe.multi()
        pipe.set("a", 6)
        refused(pipe.execute, "Watched variable changed", redis.WatchError)
    expect(r.get("a"), b"5")


@check
def counting_by_watch_from_four_threads(r):
    def count():
        for _ in range(25):
            r.transaction(lambda pipe: (pipe.get("n"), pipe.multi(), pipe.incr("n")), "n")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect(r.get("n"), b"100")


@check
def connection_and_server(r):
    expect(r.ping(), True)
    expect(r.echo("hello"), b"hello")
    expect(r.client_setname("judge"), True)
    expect(isinstance(r.client_id(), int), True)
    expect(len(r.client_list()) >= 1, True)
    expect("redis_version" in r.info(), True)
    expect(isinstance(r.config_get("*"), dict), True)
    expect(r.command_count() > 60, True)
    expect(r.command_getkeys("MSET", "a", 1, "b", 2), ["a", "b"])
    expect(r.command()["get"]["arity"], 2)
    expect(abs(r.time()[0] - time.time()) < 5, True)
    expect(r.wait(0, 0), 0)
    expect(r.slowlog_len() >= 0, True)
    refused(lambda: r.execute_command("NOSUCH", "a"), "unknown command 'NOSUCH', with args beginning with: 'a'")
    refused(lambda: r.execute_command("GET"), "wrong number of arguments for 'get' command")
    expect(r.flushall(), True)


@check
def what_is_known_of_a_connection(r):
    connection = r.client()  # one connection for all of these
    expect(connection.client_setname("judge"), True)
    info = connection.client_info()
    expect([info["name"], info["db"], info["multi"], info["cmd"]], ["judge", 0, -1, "client|info"])
    for field in ("age", "idle", "qbuf", "qbuf-free", "argv-mem", "multi-mem", "obl", "oll", "omem", "tot-mem"):
        expect(int(info[field]) >= 0, True)
    [mine] = [one for one in r.client_list() if one["name"] == "judge"]
    expect(set(info) - set(mine), set())
    expect(connection.execute_command("RESET"), "RESET")
    expect(connection.client_getname(), None)


@check
def what_kind_of_server_it_is(r):
    info = r.info()
    for field in ("connected_clients", "blocked_clients", "cluster_enabled", "used_memory", "total_commands_processed",
                  "instantaneous_ops_per_sec", "rdb_bgsave_in_progress", "aof_rewrite_in_progress", "loading",
                  "rdb_changes_since_last_save", "evicted_keys", "used_cpu_user", "connected_slaves"):
        expect(isinstance(info[field], (int, float)) and info[field] >= 0, True)
    expect([info["blocked_clients"], info["cluster_enabled"], info["role"]], [0, 0, "master"])
    expect(len(info["run_id"]), 40)
    expect(r.role(), [b"master", 0, []])
    expect(abs(r.lastsave().timestamp() - time.time()) < 3600, True)
    expect(r.acl_whoami(), "default")
    expect(r.module_list(), [])
    expect(r.execute_command("LATENCY", "LATEST"), [])
    expect(r.execute_command("CLUSTER", "INFO").strip(), b"cluster_enabled:0")
    refused(lambda: r.execute_command("CLUSTER", "SLOTS"), "cluster support disabled")
    expect(r.config_get("databases"), {"databases": "1"})
    expect(r.config_get("latency-monitor-threshold"), {"latency-monitor-threshold": "0"})


@check
def text_instead_of_bytes(r):
    text = redis.Redis(host="127.0.0.1", port=r.connection_pool.connection_kwargs["port"], decode_responses=True)
    text.set("schlüssel", "wert ✓")
    expect(text.get("schlüssel"), "wert ✓")
    expect(text.keys(), ["schlüssel"])


def main():
    failed = 0
    r = redis.Redis(host="127.0.0.1", port=int(sys.argv[1]))
    for one in checks:
        r.flushall()
        try:
            one(r)
        except Exception as error:  # any of them: the others are still to be run
            failed += 1
            print(f"python3-redis: {one.__name__}: {type(error).__name__}: {error}", file=sys.stderr)
    print(f"python3-redis {redis.__version__}: {len(checks) - failed} of {len(checks)} checks passed")
    return 1 if failed else 0


sys.exit(main())
