// Drives one of Segment's own Node SDKs: argv is its folder, the host, a key and the
// name of the events that are sent.
const [, , folder, host, writeKey, event] = process.argv
const { Analytics } = require(folder)

const analytics = new Analytics({ writeKey, host, maxEventsInBatch: 10, flushInterval: 100, maxRetries: 5 })
analytics.on('error', (err) => { console.error(err); process.exitCode = 1 })
analytics.identify({ userId: 'node', traits: { first_name: 'Dana', email: 'dana@shop.example' } })
for (const order of ['o1', 'o2', 'o3']) {
  analytics.track({ userId: 'node', event, properties: { order_id: order } })
}
analytics.closeAndFlush({ timeout: 20000 })
