// Scrape throughput and latency of the controller and of the port, against a bare `http` server with the
// same registry and against @willsoto/nestjs-prometheus. Interleaved: every round visits all of them.
import { fork } from 'node:child_process';
import autocannon from 'autocannon';
import { median, ratio, table } from './statistics.mjs';

const KINDS = [
  'bare',
  'port',
  'controller:express',
  'willsoto:express',
  'controller:fastify',
  'willsoto:fastify',
];
const ROUNDS = 7;
const SECONDS = 1;
const CONNECTIONS = 8;

export async function benchHttp() {
  const servers = [];
  try {
    for (const kind of KINDS) servers.push(await start(kind));
    for (const server of servers) await scrape(server.url);
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const server of servers) server.rounds.push(await scrape(server.url));
    }
  } finally {
    for (const { process } of servers) process.kill();
  }
  const figures = servers.map(({ kind, rounds }) => ({
    kind,
    perSecond: median(rounds.map(({ requests }) => requests.mean)),
    p99: median(rounds.map(({ latency }) => latency.p99)),
    // Against the bare server of the same round: the machine's speed drifts.
    ratio: median(
      rounds.map(({ requests }, round) => requests.mean / servers[0].rounds[round].requests.mean),
    ),
  }));
  console.log(
    table(
      ['server', 'scrapes per second', 'to the bare server', 'p99'],
      figures.map((each) => [each.kind, each.perSecond.toFixed(0), ratio(each.ratio, 1), `${each.p99} ms`]),
    ),
  );
}

function scrape(url) {
  return autocannon({ url, connections: CONNECTIONS, duration: SECONDS });
}

function start(kind) {
  return new Promise((resolve, reject) => {
    const process = fork(new URL('http-server.mjs', import.meta.url), [kind]);
    process.once('message', (url) => resolve({ kind, url, process, rounds: [] }));
    process.once('exit', (code) => reject(new Error(`${kind} ended with ${code}`)));
  });
}
