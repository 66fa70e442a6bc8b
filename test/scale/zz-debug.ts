import { World } from './world.ts'
const n = Number(process.argv[2] ?? 300)
const w = new World({ size: n, seed: 1, voters: 0 })
for (const h of w.hosts) w.wheel.at(w.random.between(0, 1000), () => h.start())
w.run(1001); w.agree(w.hosts, 60000); w.run(8000)
let ends = 0, peers = 0
const types = new Map<string, number>()
for (const h of w.hosts) { ends += h.ends.size; peers += h.peers.size }
console.log('ends/host', ends / n, 'peers/host', peers / n)
const send = w.fabric.send.bind(w.fabric)
;(w.fabric as any).send = (e: any, m: any) => { types.set(m.type, (types.get(m.type) ?? 0) + 1); send(e, m) }
w.run(5000)
console.log([...types].map(([t, c]) => `${t} ${(c / n / 5).toFixed(1)}/s`).join(', '))
w.run(40000); ends = 0; peers = 0
for (const h of w.hosts) { ends += h.ends.size; peers += h.peers.size }
console.log('later ends/host', ends / n, 'peers/host', peers / n, w.hosts[0]!.membership.counters())
types.clear(); w.run(5000)
console.log([...types].map(([t, c]) => `${t} ${(c / n / 5).toFixed(1)}/s`).join(', '))
