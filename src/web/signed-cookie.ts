/**
 * What cookies of ours hold: JSON, together with the cookie's name. All are signed with one secret; so none can be taken for
 * another one, whoever puts them into a browser, as somebody can who has a page on a neighbouring host.
 */
import type { FastifyRequest } from 'fastify'

/** The text of a cookie. */
export const toCookie = (name: string, value: object): string =>
  Buffer.from(JSON.stringify([name, value])).toString('base64url')

/** What a cookie holds; null: there is none, or none that we have made. */
export function fromCookie<Value extends object>(request: FastifyRequest, name: string): Value | null {
  const { valid, value } = request.unsignCookie(request.cookies[name] ?? '')
  if (!valid) return null
  try {
    const [madeAs, held] = JSON.parse(Buffer.from(value, 'base64url').toString()) as [string, Value]
    return madeAs === name ? held : null
  } catch (error) {
    // Signed, but no JSON: that of the forms' tokens.
    if (error instanceof SyntaxError || error instanceof TypeError) return null
    throw error
  }
}
