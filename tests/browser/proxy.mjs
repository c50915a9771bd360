// A byte-for-byte proxy before the server under test, so that a test can make it slow or take it away.
import net from 'node:net';
import { BASE, eventually } from './helper.mjs';

/** Starts one. `base` is its address; `gone()` and `back()` end and restart it; `delayMs` holds every answer back. */
export async function proxy() {
  const target = new URL(BASE);
  const sockets = new Set();
  const self = { delayMs: 0 };
  const take = (client) => {
    const server = net.connect(Number(target.port), target.hostname);
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => { sockets.delete(socket); client.destroy(); server.destroy(); });
    }
    client.on('data', (bytes) => server.write(bytes));
    server.on('data', (bytes) => {
      if (self.delayMs === 0) client.write(bytes);
      else setTimeout(() => client.destroyed || client.write(bytes), self.delayMs);
    });
  };
  let listener;
  const listen = (port) => new Promise((done, failed) => {
    listener = net.createServer(take).once('error', failed).listen(port, '127.0.0.1', done);
  });
  await listen(0);
  const { port } = listener.address();
  self.base = `http://127.0.0.1:${port}`;
  self.gone = async () => {
    const ended = new Promise((done) => listener.close(done));
    for (const socket of sockets) socket.destroy();
    await ended;
  };
  // Meanwhile another connection of this machine may have been given the port: it is not for long.
  self.back = () => eventually(() => listen(port), undefined, `port ${port} is free again`);
  self.close = async () => { if (listener.listening) await self.gone(); };
  return self;
}
