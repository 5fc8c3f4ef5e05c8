// Package sim plays random histories of Kesher and tries to break every promise.
//
// # What is simulated
//
// One seed is one history: twenty customers who go through a journey each (or five
// who go through several, or six through the handlers' bytes), a day and a half of
// what they do (or twelve days of six), and the faults that befall it. Half of them
// came and agreed long before; the others do so while it goes on. The flows and
// handlers are the real ones, wired as the mains of functions/* wire them; around them
// stand a store, a stream, a clock, SES and a bus that are ours. Every port call parks,
// and the seed says who goes on: at any moment one task of a history runs, so a
// history repeats to the byte.
//
//   - Store: memstore, which passes the conformance suite. Its replies get lost
//     before or after the write, it throttles one call or all of half a minute, its
//     index lags, an eventual read may answer what stood there up to a second before,
//     items are rewritten between a worker's read and its write.
//   - Stream: through the deployed filter patterns, at least once, in order per item
//     and in no other order; each consumer behind by its own time; records come
//     again, also after 14 days; those of runs and messages may be lost altogether.
//   - Processes: warm instances that remember what instances remember, whose clocks
//     differ by seconds, that die before or after any call, or when their time is
//     up. A dead process's ports do nothing; its code runs out unheard.
//   - Clock: the minute rule, late, skipped, twice, on one or several workers.
//   - SES: takes 14 mails a second or one, accepts and times out, times out and has
//     not accepted, throttles, is paused, rejects; reports twice, late, out of order,
//     or never.
//   - Customers: two ids with one address, or at one browser, permissions that run
//     out, or that a form on the site asks for and a link grants, followed in time or
//     too late, withdrawals by API and by link, pauses, topics turned off and
//     addresses to be confirmed in the preference centre, bounces for good and
//     passing ones, complaints, purchases, erasures and returns, each at any instant,
//     and on purpose between a worker's reads and its claim. Callers repeat calls,
//     and some come hours late, or from before an erasure. A marketer publishes
//     another version while runs are under way.
//   - Deployments: processes of two binaries side by side, the newer of which writes
//     the next format. What the older one can't read it sets aside; once it is gone
//     an operator has it told again. (There is one format yet: the newer binary's is
//     the same with another number.)
//
// Which faults a history has, and how often, and which habits its customers, is drawn
// anew for each (swarm). In the end the faults stop, and everything must come to rest.
//
// # What is not, and where real AWS differs
//
// DynamoDB's and SES's own adapters (shared/aws), which have their own suites on
// implementations nobody here wrote; Lambda's batching, bisecting and failure
// bucket (shared/local/pump and its tests); the HTTP doors but for their flows.
// The clocks of two instances are never more than 8 s apart: deliver's lease allows
// for 10. SES accepts a mail at the call or not at all, never later. A process hangs
// for seconds, not minutes.
// Restore, rollback, migration and broadcasts join with what builds them.
//
// Two things are known and let pass. Two workers on one message, an exit that falls
// between their reads, so that one skips what the other sends, who then dies before
// it can say so, and not one report of SES arriving. The message says `skipped` then,
// and one mail has left. And a service mail of a second id at a shared address goes
// by what stood at the address when it was read: GATE's version covers its owner.
//
// # Figures
//
// Two cores (AMD EPYC, 2.6 GHz) that nobody else used, go1.26.8: `make sim` (20 customers)
// 160 to 180 seeds a second, `go run ./infra/sim/cmd -people 4` 700. On two that others
// used as well, a half of that. How soon each planted bug is caught: go test -v -run
// Mutant ./infra/sim.
//
// # To add a fault
//
// Name it in faults.go, offer it where it can strike (World.strikes), and name in
// reached.go a place that only it leads to. To add a promise: watch*.go for what
// must hold at every commit and every accepted mail, rest.go for what must hold at
// the end.
package sim
