import { hash } from 'node:crypto'
import { base64url, type Digest, type Random } from './ids.ts'

/** 39 bytes are 312 random bits; as base64url 52 characters without padding bits, and still one block of SHA-256. */
export const tokenBytes = 39
export const tokenLength = 52

declare const secret: unique symbol
/**
 * The bearer secret of a cookie. Exists in the client and, in passing, in the request; never stored, logged or sent.
 */
export type Token = string & { readonly [secret]: true }

export const mintToken = (random: Random): Token => base64url(random(tokenBytes)) as Token

const tokenPattern = /^[A-Za-z0-9_-]{52}$/

/** Whether the value has a token's form. Says nothing about any session. */
export const isToken = (value: unknown): value is Token =>
  typeof value === 'string' && value.length === tokenLength && tokenPattern.test(value)

/** SHA-256 of the token, base64url. */
export const digestOf = (token: Token): Digest => hash('sha256', token, 'base64url') as Digest
