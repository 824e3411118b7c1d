/** Where and how what a subscription tells is sent. */
export interface Channel {
  readonly subscription: string;
  readonly partner: string;
  readonly endpoint: string;
  readonly payload: string;
  /** Sealed header lines. */
  readonly headers: readonly string[];
  readonly timeoutMs: number;
  /** Sealed signing secrets, newest first. */
  readonly secrets: readonly string[];
}

/** Signing secrets that are in use, as an SQL array, newest first. */
export const SECRETS_OF = (partner: string): string => `ARRAY(SELECT g.sealed FROM notifications.signing_secret g WHERE g.partner = ${partner}
  AND (g.retires_at IS NULL OR g.retires_at > statement_timestamp()) ORDER BY g.created_at DESC LIMIT 3)`;

/** Columns of a {@link Channel}. @param s alias of a row of `notifications.subscription` */
export const CHANNEL_OF = (s: string): string =>
  `${s}.id AS subscription, ${s}.partner, ${s}.endpoint, ${s}.payload, ${s}.headers, coalesce(${s}.timeout_seconds, 15) * 1000 AS "timeoutMs", ${SECRETS_OF(`${s}.partner`)} AS secrets`;
