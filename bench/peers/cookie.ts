/** The name of the cookie, the same for all who leave the reading of it to the app. */
export const cookieName = 'session'

const prefix = `${cookieName}=`

export const cookieOf = (value: string): string => prefix + value

/** The value of a Cookie header that holds this one cookie. */
export const valueOf = (header: string): string => header.startsWith(prefix) ? header.slice(prefix.length) : ''
