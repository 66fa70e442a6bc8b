import { httpDefaults } from '../../adapters/http/config.ts'
import { isHost } from '../addresses.ts'
import type { Option } from '../option.ts'
import { size, text, whole } from '../option-type.ts'
import { pathType } from '../shapes.ts'

/** What may stand in an Authorization header, long enough that guessing is hopeless. */
const token = text('16 to 512 letters, digits and -._~+/=', /^[A-Za-z0-9._~+/=-]{16,512}$/, 'token')

export function httpOptions(): readonly Option[] {
  const defaults = httpDefaults()
  return [
    {
      key: 'http.host',
      type: text('an address or name of this machine', isHost, 'host'),
      default: defaults.host,
      doc: 'Address the API listens on. Any other than a loopback address needs http.writeToken.',
    },
    {
      key: 'http.port',
      type: whole(0, 65_535),
      default: defaults.port,
      doc: 'Port of the API. 0 takes a free one.',
    },
    {
      key: 'http.readToken',
      type: token,
      secret: true,
      default: defaults.readToken,
      doc: 'When set, reading needs `Authorization: Bearer` with this or the write token. Without it reading is open on a loopback http.host; on any other it needs the write token. Needs http.writeToken beside it: writing would be open else.',
    },
    {
      key: 'http.readTokenFile',
      type: pathType,
      path: true,
      fileOf: 'http.readToken',
      default: undefined,
      doc: 'File that holds the read token.',
    },
    {
      key: 'http.writeToken',
      type: token,
      secret: true,
      default: defaults.writeToken,
      doc: 'When set, submitting tasks and leaving need `Authorization: Bearer` with this token. On a http.host that is no loopback address reading needs a token as well: this or http.readToken.',
    },
    {
      key: 'http.writeTokenFile',
      type: pathType,
      path: true,
      fileOf: 'http.writeToken',
      default: undefined,
      doc: 'File that holds the write token.',
    },
    {
      key: 'http.bodyBytesMax',
      type: size(1_024, 16 * 1024 * 1024),
      default: defaults.bodyBytesMax,
      doc: 'Larger request bodies are refused (BODY_TOO_LARGE). Not below tasks.payloadBytesMax.',
    },
  ]
}
