import { isIP } from 'node:net'
import Bowser from 'bowser'
import ipaddr from 'ipaddr.js'
import type { Device } from '../../index.ts'
import type { WebSettings } from './options.ts'
import type { WebRequest } from './request.ts'

/** As long as a session keeps it. */
const userAgentLengthMax = 512
const labelLengthMax = 128

/** 'Firefox on Windows', for a person who looks at a list of his devices. undefined: it is none that is known. */
export const labelOf = (userAgent: string): string | undefined => {
  if (userAgent === '') return undefined
  const { browser, os } = Bowser.parse(userAgent)
  if (browser.name === undefined) return undefined
  return (os.name === undefined ? browser.name : `${browser.name} on ${os.name}`).slice(0, labelLengthMax)
}

/** The network of an address, /24 or /48: enough to tell a place, too little to tell a household. */
export const networkOf = (address: string | undefined): string | undefined => {
  if (address === undefined || isIP(address) === 0) return undefined
  const ip = ipaddr.process(address)
  return ip instanceof ipaddr.IPv4
    ? `${ipaddr.IPv4.networkAddressFromCIDR(`${ip.toString()}/24`).toString()}/24`
    : `${ipaddr.IPv6.networkAddressFromCIDR(`${ip.toString()}/48`).toString()}/48`
}

/** What a session keeps of the client that it was started by. */
export const deviceOf = (request: WebRequest, { address }: WebSettings): Device => {
  const userAgent = (request.header('user-agent') ?? '').slice(0, userAgentLengthMax)
  const label = labelOf(userAgent)
  const networkPrefix = address === 'none' ? undefined : networkOf(request.address)
  return {
    ...(label === undefined ? {} : { label }), ...(userAgent === '' ? {} : { userAgent }),
    ...(networkPrefix === undefined ? {} : { networkPrefix })
  }
}
