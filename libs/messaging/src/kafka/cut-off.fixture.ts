import { connect, Socket } from 'node:net';
import type { ISocketFactory } from 'kafkajs';

/** Makes sockets that can all be cut off at once, as a killed process leaves them: no good-bye, and no new ones. */
export function cuttableSockets(): { socketFactory: ISocketFactory; cut: () => void; mend: () => void } {
  const open = new Set<Socket>();
  let isCut = false;
  const socketFactory: ISocketFactory = ({ host, port, onConnect }) => {
    if (isCut) {
      const dead = new Socket();
      setImmediate(() => dead.destroy(Object.assign(new Error('cut off'), { code: 'ECONNREFUSED' })));
      return dead;
    }
    const socket = connect({ host, port }, onConnect);
    socket.setKeepAlive(true, 60_000);
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    return socket;
  };
  const cut = (): void => {
    isCut = true;
    open.forEach((socket) => socket.destroy());
  };
  return { socketFactory, cut, mend: () => void (isCut = false) };
}
