import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultInterface } from '../../../src/adapters/libp2p/default-route.ts'

const HEAD = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n'
const route = (name: string, destination: string, flags: string, metric: number, mask: string): string =>
  `${name}\t${destination}\t010200C0\t${flags}\t0\t0\t${metric}\t${mask}\t0\t0\t0   \n`

test('the interface of the default route is found, by the lowest metric where there are several', () => {
  const bridge = route('docker0', '000011AC', '0001', 0, '0000FFFF')
  assert.equal(defaultInterface(HEAD + bridge + route('eth0', '00000000', '0003', 100, '00000000')), 'eth0')
  const both =
    route('wlan0', '00000000', '0003', 600, '00000000') + route('eth0', '00000000', '0003', 99, '00000000')
  assert.equal(defaultInterface(HEAD + bridge + both), 'eth0')
})

test('there is none without a default route that is up', () => {
  const half = route('tun0', '00000000', '0001', 0, '00000080')
  const down = route('eth0', '00000000', '0002', 0, '00000000')
  for (const table of ['', HEAD, 'nonsense\nmore of it', HEAD + half, HEAD + down])
    assert.equal(defaultInterface(table), undefined)
})
