// This project's daemon as a driver of cluster-bench.mjs. Started as a user would, through bin/roundtable, which execs node:
// the pid is the daemon's. Its log, one JSON object a line, tells what it believes.
import { fileURLToPath } from 'node:url'
import path from 'node:path'

const bin = path.join(path.dirname(fileURLToPath(import.meta.url)), '../../../bin/roundtable')
const TYPES = {
  'member-alive': 'alive',
  'member-renewed': 'alive',
  'member-suspect': 'suspect',
  'member-dead': 'failed',
  'member-left': 'left'
}

// --config=FILE and --args='--flag value' go to every daemon; --quorum: all N are expected, so a minority stops
export default function roundtable ({ config, args = '', quorum } = {}) {
  return {
    name: 'roundtable',
    fences: Boolean(quorum),
    command: ctx => ({
      cmd: bin,
      args: ['agent', '--node-id', ctx.name, '--cluster', 'bench', '--listen', `${ctx.ip}:${ctx.port}`, '--http', `127.0.0.1:${ctx.rpcPort}`,
        '--data-dir', path.join(ctx.home, 'data'), ...ctx.seeds.flatMap(s => ['--seed', `${s.ip}:${s.port}`]),
        ...(quorum ? ['--expected-nodes', String(ctx.n)] : []),
        ...(config ? ['--config', config] : []), ...args.split(' ').filter(Boolean)]
    }),
    parse (line) {
      if (!line.startsWith('{')) return
      let entry
      try { entry = JSON.parse(line) } catch { return } // cut by a kill -9
      if (entry.event === 'listening') return { type: 'listening' }
      if (entry.event === 'lease-lost') return { type: 'fenced', node: entry.nodeId }
      const type = TYPES[entry.event]
      if (type && entry.member) return { type, node: entry.member }
    },
    leaveSignal: 'SIGTERM'
  }
}
