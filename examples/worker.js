#!/usr/bin/env node
// A worker in JavaScript that reports its invocations to the agent and waits until they are durable.
//
// Usage: worker.js AGENT_SOCKET TENANT [INVOCATIONS]     (AGENT_SOCKET: see `millibill status`)
//
// One JSON object a line. The first line asks for acknowledgement; the agent then writes {"ack":N}: N lines are on disk.
// What was not acknowledged when the connection breaks is sent again: the request_id makes that safe.
'use strict';
const crypto = require('crypto');
const net = require('net');

class Meter {
  constructor(path) {
    this.path = path;
    this.unacknowledged = [];
    this.waiting = null;
    this.connect();
  }

  connect() {
    this.acknowledged = 0;
    let rest = '';
    let again = false;
    this.socket = net.connect(this.path);
    this.socket.write('{"millibill":{"ack":true}}\n' + this.unacknowledged.join(''));
    this.socket.on('data', (bytes) => {
      const lines = (rest + bytes).split('\n');
      rest = lines.pop();
      for (const line of lines) this.acknowledge(JSON.parse(line).ack);
    });
    const retry = () => {
      if (again || this.closed) return;
      again = true;
      setTimeout(() => this.connect(), 200);
    };
    this.socket.on('error', retry);
    this.socket.on('close', retry);
  }

  acknowledge(durable) {
    this.unacknowledged.splice(0, durable - this.acknowledged);
    this.acknowledged = durable;
    if (this.unacknowledged.length === 0 && this.waiting) this.waiting();
  }

  emit(record) {
    const line = JSON.stringify(record) + '\n';
    this.unacknowledged.push(line);
    this.socket.write(line);
  }

  // Resolves when the agent has everything on disk.
  wait() {
    if (this.unacknowledged.length === 0) return Promise.resolve();
    return new Promise((resolve) => { this.waiting = resolve; });
  }

  close() {
    this.closed = true;
    this.socket.end();
  }
}

// The function that the tenant deployed.
function handleRequest(seed) {
  for (let i = 0; i < 200; i++) seed = crypto.createHash('sha256').update(seed).digest();
  return seed;
}

async function main() {
  const [path, tenant, count] = process.argv.slice(2);
  if (!tenant) {
    console.error('usage: worker.js AGENT_SOCKET TENANT [INVOCATIONS]');
    process.exit(2);
  }
  const meter = new Meter(path);
  const invocations = Number(count || 100);
  let seed = Buffer.from('start');
  for (let i = 0; i < invocations; i++) {
    const startedAt = new Date().toISOString();
    const start = process.hrtime.bigint();
    seed = handleRequest(seed);
    meter.emit({
      request_id: crypto.randomUUID(),
      tenant,
      function: 'digest',
      region: 'us-east-1',
      memory_mb: 256,
      started_at: startedAt,
      duration_us: Number((process.hrtime.bigint() - start) / 1000n),
      status: 'ok',
      trigger: 'http',
    });
  }
  await meter.wait();
  meter.close();
  console.log(`${invocations} invocations, all on the agent's disk`);
}

main();
