import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePorts } from '@baton/kafka';
import type { BrokerFront } from './apart-stage.js';

/** A piece of network before a broker that can go silent: what is sent goes nowhere, nothing comes, no connection is closed, and nobody is told. */
export class CutOff implements BrokerFront {
  private silent = false;
  private readonly sockets = new Set<Socket>();
  private readonly passing = new Map<Socket, Socket>();

  private constructor(
    readonly brokerPort: number,
    readonly port: number,
    private readonly server: Server,
  ) {
    server.on('connection', (client) => this.take(client));
  }

  static async open(): Promise<CutOff> {
    const [brokerPort, port] = (await freePorts(2)) as [number, number];
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return new CutOff(brokerPort, port, server);
  }

  silence(): void {
    this.silent = true;
    for (const [client, broker] of this.passing) {
      client.unpipe(broker).pause();
      broker.unpipe(client).pause();
    }
    this.passing.clear();
  }

  /** New connections pass. Those that were open or made in the meantime stay silent, until whoever holds them gives them up. */
  mend(): void {
    this.silent = false;
  }

  close(): void {
    this.server.close();
    this.sockets.forEach((socket) => socket.destroy());
  }

  private take(client: Socket): void {
    this.keep(client);
    if (this.silent) return void client.pause();
    const broker = connect(this.brokerPort, '127.0.0.1');
    this.keep(broker);
    this.passing.set(client, broker);
    const end = (): void => {
      // A silenced pair tells nobody of the end of the other.
      if (!this.passing.delete(client)) return;
      client.destroy();
      broker.destroy();
    };
    client.pipe(broker).on('close', end);
    broker.pipe(client).on('close', end);
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.sockets.delete(socket));
  }
}
