import { DemoPartner, type Place } from './partner-system.js';

/** What a partner's process does when it is asked to. */
export type Commands = Readonly<Record<string, (input: never) => Promise<unknown>>>;

export interface Question {
  readonly number: number;
  readonly command: string;
  readonly input: unknown;
}

export type Reply = { readonly number: number } & ({ readonly answer: unknown } | { readonly failed: string });

/** What every role can do besides its own part. */
const common = (partner: DemoPartner) => ({
  subscribe: async () => partner.subscribe(),
  bodies: async () => partner.bodies(),
  received: async () => partner.received(),
  close: async () => {
    await partner.close();
    process.disconnect();
  },
});
export type Common = ReturnType<typeof common>;

/**
 * The main program of a partner's process: opens its system (partner and place come as arguments), then does what the parent asks.
 * It ends when the parent does.
 */
export async function playRole(commandsOf: (partner: DemoPartner) => Commands): Promise<void> {
  const [id = '', place = ''] = process.argv.slice(2);
  process.once('disconnect', () => process.exit(0));
  const partner = await DemoPartner.open(id, JSON.parse(place) as Place);
  const commands: Commands = { ...common(partner), ...commandsOf(partner) };
  process.on('message', (question: Question) => {
    void reply(commands, question).then((answer) => process.connected && process.send!(answer));
  });
  process.send!({ number: 0, answer: 'ready' } satisfies Reply);
}

async function reply(commands: Commands, { number, command, input }: Question): Promise<Reply> {
  try {
    return { number, answer: await commands[command]!(input as never) };
  } catch (error) {
    return { number, failed: (error as Error).message };
  }
}
