/** What is seen while the cluster works: a table redrawn in place on a terminal, a line now and then elsewhere. */
import { cut, paint, plain, table, widthOf } from '../table.ts'
import type { Output } from '../terminal.ts'
import { inAgreement, type NodeSample, ownedBy, type Sample, settledBy, sumOf } from './watch.ts'

/** Time between two lines where nothing can be redrawn, in ms. */
const LINE_MS = 2_000

const BAR_COLUMNS = 20

export class Progress {
  readonly #output: Output | undefined
  /** Lines on the screen that the next drawing replaces. */
  #drawn = 0
  #lastLineAt = Number.NEGATIVE_INFINITY
  #lastLine = ''

  /** @param output `undefined`: show nothing */
  constructor(output: Output | undefined) {
    this.#output = output
  }

  /** A step that will stay on the screen, above the table. */
  say(text: string): void {
    if (this.#output === undefined) return
    this.#erase()
    this.#output.write(`${text}\n`)
  }

  /** @param tasks how many there are, when known */
  show(sample: Sample, tasks: number | undefined): void {
    if (this.#output?.isTerminal) this.#draw(this.#output, sample, tasks)
    else if (sample.elapsedMs - this.#lastLineAt >= LINE_MS) this.#line(sample, tasks)
  }

  /** Takes the table away: what comes next is the result. */
  end(): void {
    this.#erase()
  }

  #line(sample: Sample, tasks: number | undefined): void {
    const line = summaryLine(sample, tasks)
    if (line === this.#lastLine) return
    this.#lastLineAt = sample.elapsedMs
    this.#lastLine = line
    this.#output?.write(`${(sample.elapsedMs / 1_000).toFixed(1).padStart(6)} s  ${line}\n`)
  }

  #draw(output: Output, sample: Sample, tasks: number | undefined): void {
    this.#erase()
    const rows = nodeTable(sample, output)
    const lines = [...rows.trimEnd().split('\n'), summaryLine(sample, tasks)]
    output.write(lines.map(line => `${fit(line, output.columns)}\n`).join(''))
    this.#drawn = lines.length
  }

  #erase(): void {
    if (this.#drawn > 0) this.#output?.write(`\u001b[${this.#drawn}A\u001b[J`)
    this.#drawn = 0
  }
}

/** A line that wraps would be two when it is erased: it is cut, and loses its colours with it. */
const fit = (line: string, columns: number): string =>
  widthOf(line) < columns ? line : cut(plain(line), columns - 1)

function summaryLine(sample: Sample, tasks: number | undefined): string {
  const up = sample.nodes.filter(({ status }) => status !== undefined).length
  const agree = inAgreement(sample) ? ', one ring' : ''
  // One that has just come back takes all that it holds for its own until it has heard of the others.
  const counted = { ...sample, nodes: sample.nodes.filter(({ status }) => status?.ready.ready === true) }
  const running = sumOf(counted, node => ownedBy(node, ['running']))
  const done = sumOf(counted, settledBy)
  const work = tasks === undefined ? '' : `  ${done} of ${tasks} tasks done, ${running} running`
  return `${up} of ${sample.nodes.length} nodes up${agree}${modeOf(sample)}${work}`
}

/** Said only of quorum mode: with how many nodes may act. */
function modeOf({ nodes }: Sample): string {
  if (!nodes.some(({ status }) => status?.grants.enabled)) return ''
  const acting = nodes.filter(({ status }) => status?.grants.leaseForMs !== undefined).length
  return `, quorum mode, ${acting} may act`
}

function nodeTable(sample: Sample, output: Output): string {
  return table(sample.nodes, [
    { title: 'NODE', cell: node => node.plan.name },
    { title: 'STATE', cell: node => stateOf(node, output) },
    { title: 'ACTS', cell: actsOf },
    { title: 'OWNED', cell: node => ownedBy(node), right: true },
    { title: 'RUNNING', cell: node => ownedBy(node, ['running']), right: true },
    { title: 'DONE', cell: settledBy, right: true },
    {
      title: 'SHARE',
      cell: node => (node.share === undefined ? '-' : `${(node.share * 100).toFixed(1)} %`),
      right: true,
    },
    { title: 'PROGRESS', cell: barOf },
  ])
}

function stateOf({ status }: NodeSample, output: Output): string {
  if (status === undefined) return paint(output, 'red', 'down')
  if (status.ready.ready) return paint(output, 'green', 'ready')
  return paint(
    output,
    'yellow',
    status.phase === 'ready' ? (status.ready.reasons[0]?.code ?? 'ready') : status.phase,
  )
}

/** May it act: always in available mode, with a quorum of grants otherwise. */
function actsOf({ status }: NodeSample): string {
  if (status === undefined) return '-'
  if (!status.grants.enabled) return 'yes'
  return status.grants.leaseForMs === undefined ? 'no' : 'yes'
}

function barOf(node: NodeSample): string {
  const owned = ownedBy(node)
  if (owned === 0) return '-'
  const filled = Math.floor((settledBy(node) / owned) * BAR_COLUMNS)
  return `${'█'.repeat(filled)}${'░'.repeat(BAR_COLUMNS - filled)}`
}
