import { connect, Socket } from 'node:net';
import type { ISocketFactory } from 'kafkajs';

/** Sockets that can all be taken away at once. */
export interface Cuttable {
  readonly socketFactory: ISocketFactory;
  /** As a killed process leaves them: reset, without a good-bye, and no new ones. */
  cut(): void;
  /** As a network that swallows everything leaves them: they stay open, nothing comes, and new ones find nobody. */
  silence(): void;
  /** New ones work again. */
  mend(): void;
  /** Closes those that were silenced, so that nothing of a test is left. */
  bury(): void;
}

export function cuttableSockets(): Cuttable {
  const open = new Set<Socket>();
  const silenced: Socket[] = [];
  let state: 'whole' | 'cut' | 'silent' = 'whole';
  const socketFactory: ISocketFactory = ({ host, port, onConnect }) => {
    if (state !== 'whole') {
      const dead = new Socket();
      if (state === 'cut') setImmediate(() => dead.destroy(Object.assign(new Error('cut off'), { code: 'ECONNREFUSED' })));
      return dead;
    }
    const socket = connect({ host, port }, onConnect);
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    return socket;
  };
  return {
    socketFactory,
    cut: () => {
      state = 'cut';
      open.forEach((socket) => socket.destroy(Object.assign(new Error('cut off'), { code: 'ECONNRESET' })));
    },
    silence: () => {
      state = 'silent';
      for (const socket of open) {
        socket.write = () => true;
        socket.pause();
        silenced.push(socket);
      }
    },
    mend: () => void (state = 'whole'),
    bury: () => silenced.forEach((socket) => socket.destroy(Object.assign(new Error('buried'), { code: 'ECONNRESET' }))),
  };
}
