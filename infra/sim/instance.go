package sim

import (
	"log/slog"
	"slices"
	"time"

	clockfn "github.com/kesher-io/kesher/functions/clock"
	deliverfn "github.com/kesher-io/kesher/functions/deliver"
	journeyfn "github.com/kesher-io/kesher/functions/journey"
	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow/advance"
	"github.com/kesher-io/kesher/shared/flow/agenda"
	"github.com/kesher-io/kesher/shared/flow/clock"
	"github.com/kesher-io/kesher/shared/flow/collect"
	"github.com/kesher-io/kesher/shared/flow/consents"
	"github.com/kesher-io/kesher/shared/flow/deliver"
	"github.com/kesher-io/kesher/shared/flow/emit"
	"github.com/kesher-io/kesher/shared/flow/erase"
	"github.com/kesher-io/kesher/shared/flow/faults"
	"github.com/kesher-io/kesher/shared/flow/feedback"
	"github.com/kesher-io/kesher/shared/flow/insights"
	"github.com/kesher-io/kesher/shared/flow/preferences"
)

// instance is one process: its ports, and over them the same flows and handlers
// that the mains of functions/* wire. It works one invocation at a time and lives
// from one to the next, with whatever it remembers (the pace, the live release),
// until it dies.
type instance struct {
	w     *World
	task  *task // the invocation that its ports act for
	skew  time.Duration
	newer bool // of the two binaries
	live  struct {
		release *release.Release
		read    time.Time
	}
	seq    int64   // last arrival number given
	sent   []sent  // mails handed to SES
	worker *worker // its thread

	journey  *journeyfn.Handler
	deliver  *deliverfn.Handler
	clock    *clockfn.Handler
	collect  *collect.Service
	feedback *feedback.Service
	prefs    *preferences.Service
	byBytes  *functions // made when first asked for
	erase    *erase.Service
	counts   *insights.Counter
	faults   *faults.Service
}

// skewed is how far an instance's clock is off when it is: two of them differ by
// less than what deliver allows for (its lease's margin).
const skewed = 4 * time.Second

// instance takes a warm instance, or starts one.
func (w *World) instance(t *task) *instance {
	w.idle = slices.DeleteFunc(w.idle, func(i *instance) bool {
		if i.outdated() {
			dismiss(i.worker)
		}
		return i.outdated()
	})
	if n := len(w.idle); n > 0 && w.rng.IntN(10) > 0 {
		i := w.rng.IntN(n)
		inst := w.idle[i]
		w.idle = append(w.idle[:i], w.idle[i+1:]...)
		inst.task = t
		return inst
	}
	inst := w.start()
	inst.task, inst.newer = t, w.newer()
	if w.strikes(Skewed) != none {
		inst.skew = time.Duration(w.rng.Int64N(int64(2*skewed))) - skewed
	}
	return inst
}

// retire keeps the instance for the next invocation, unless it died.
func (w *World) retire(t *task) {
	t.inst.task = nil
	if t.dead || len(w.idle) == maxIdle {
		dismiss(t.inst.worker)
		return
	}
	w.idle = append(w.idle, t.inst)
}

// senders share SES's rate.
const senders = 2

// maxIdle instances are kept warm.
const maxIdle = 8

func (w *World) start() *instance {
	i := &instance{w: w, worker: engage()}
	p, releases := &ports{i}, &releasesPort{i}
	writer := consents.Writer{Store: p, Clock: p, Tokens: p, Keys: w.keys}
	i.counts = &insights.Counter{Store: p}
	i.faults = &faults.Service{Store: p, Clock: p, Tokens: p}
	i.collect = &collect.Service{Store: p, Clock: p, Tokens: p, Releases: releases, Keys: w.keys, Metrics: p, Identity: identity, Ring: w.ring}
	i.erase = &erase.Service{Store: p, Clock: p, Tokens: p}
	runs := &advance.Service{Store: p, Clock: p, Tokens: p, Releases: releases, Metrics: p, Log: quiet, Counts: i.counts, Record: i.decided}
	i.clock = &clockfn.Handler{Faults: i.faults, Parallel: 1, Reserve: time.Second, Clock: &clock.Service{
		Store: p, Clock: p, Tokens: p, Runs: runs, Metrics: p, Log: quiet,
		Chores: map[string]clock.Chore{agenda.Copies: i.collect.Copy, agenda.Pending: i.collect.Purge, agenda.Sweep: i.erase.Sweep, agenda.Erase: i.erase.Asked},
	}}
	outside := &emit.Service{Store: p, Releases: releases, Emitter: p}
	i.journey = &journeyfn.Handler{Runs: runs, Outside: outside, Inbox: i.collect.Inbox, Faults: i.faults, Counts: i.counts, Log: quiet}
	i.deliver = &deliverfn.Handler{Faults: i.faults, Log: quiet, Messages: &deliver.Service{
		Store: p, Clock: p, Tokens: p, Releases: releases, Mailer: p, Metrics: p, Stage: message.Prod, Reaches: true,
		Links: token.NewLinks(base, w.ring),
		Pacer: &deliver.Pacer{Store: p, Clock: p, Tokens: p, Rater: p, Instances: senders, Sleep: p.Sleep},
	}}
	i.feedback = &feedback.Service{Store: p, Clock: p, Tokens: p, Keys: w.keys, Releases: releases, Consents: writer, Metrics: p}
	i.prefs = &preferences.Service{
		Store: p, Clock: p, Tokens: p, Releases: releases, Keys: w.keys, Ring: w.ring, Consents: writer, Collect: i.collect, Counts: i.counts,
	}
	return i
}

func (i *instance) decided(in engine.Input, res engine.Result) { i.w.decided(in, res) }

var quiet = slog.New(slog.DiscardHandler)
