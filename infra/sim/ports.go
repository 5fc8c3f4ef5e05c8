package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/deliver"
)

// ports are all ports of an instance but Releases. Every call parks, may meet a
// fault, and otherwise reaches the one true store or SES.
type ports struct{ *instance }

var (
	_ flow.Store    = (*ports)(nil)
	_ flow.Clock    = (*ports)(nil)
	_ flow.Tokens   = (*ports)(nil)
	_ flow.Mailer   = (*ports)(nil)
	_ flow.Emitter  = (*ports)(nil)
	_ flow.Metrics  = (*ports)(nil)
	_ deliver.Rater = (*ports)(nil)
	_ flow.Releases = (*releasesPort)(nil)
)

// What can strike at which call.
var (
	onQuery        = []Fault{Throttled, CrashBefore}
	onReadAmbushed = append(onQuery[:2:2], Ambush)
	onList         = append(onQuery[:2:2], StaleIndex)
	onWrite        = []Fault{Throttled, LostWrite, LostReply, CrashBefore, CrashAfter, Intruder}
	onClaim        = append(onWrite[:6:6], Ambush)
	onSend         = []Fault{TimeoutTaken, TimeoutRefused, SESThrottled, SESPaused, SESRejected, CrashBefore, CrashAfter}
	onSendAmbushed = append(onSend[:7:7], Ambush)
)

// call parks, and lets one of the possible faults strike. ok is false when the
// process is dead, by now or by this.
func (p *ports) call(possible ...Fault) (f Fault, ok bool) {
	t := p.task
	if !t.park() {
		return none, false
	}
	t.calls++
	switch f = p.w.strikes(possible...); {
	case f == Throttled && p.w.rates != nil && p.w.rng.IntN(20) == 0:
		p.w.throttled = p.w.now.Add(p.w.some(30 * time.Second))
	case f == none && p.w.now.Before(p.w.throttled) && slices.Contains(possible, Throttled):
		f = p.w.struck(Throttled)
	}
	switch f {
	case none:
	case CrashBefore:
		t.die("before a call")
		return f, false
	case Ambush:
		if !t.sleep(p.w.some(p.w.byKey[t.about].ambush(t))) {
			return f, false
		}
	default:
		t.troubled = true
	}
	if p.w.strikes(Slow) != none {
		t.troubled = true
		if !t.sleep(time.Duration(p.w.rng.Int64N(int64(12 * time.Second)))) {
			return f, false
		}
	}
	return f, true
}

// Get reads the truth: a strong read sees every acknowledged write, and an
// eventual one sooner or later.
func (p *ports) Get(ctx context.Context, c flow.Consistency, keys ...item.Key) ([]*item.Item, error) {
	possible := onQuery
	if strings.HasPrefix(keys[0].SK, item.PrefixMsg) && p.ambushed() {
		possible = onReadAmbushed
	}
	f, ok := p.call(possible...)
	if !ok {
		return nil, errDead
	}
	if f == Throttled {
		return nil, flow.ErrThrottled
	}
	switch sk := keys[0].SK; {
	case sk == item.SKGate && (p.task.about == "" || keys[0].PK == item.CustomerPK(p.task.about)):
		p.task.gateRead = p.w.writes
	case strings.HasPrefix(sk, item.PrefixFault):
		p.task.aside = true // or finds that it is set aside already
	}
	items, err := p.w.store.Get(ctx, c, keys...)
	if c == flow.Eventual {
		p.w.stale(keys, items)
	}
	p.see(items...)
	if p.w.trace != nil {
		p.w.tell(p.task.about, "%s: reads %s", p.task.name, names(keys))
	}
	return items, err
}

// see is what the process's binary makes of items: the older of two can't read what
// the newer one wrote.
func (p *ports) see(items ...*item.Item) {
	for _, it := range items {
		switch {
		case it == nil || it.F != newFormat:
		case p.newer:
			understand(it)
		default:
			p.task.troubled = true
		}
	}
}

func names(keys []item.Key) string {
	var list []string
	for _, k := range keys {
		list = append(list, k.SK)
	}
	return strings.Join(list, ", ")
}

func (p *ports) Query(ctx context.Context, q flow.Query) (flow.Page, error) {
	possible := onQuery
	if q.List != "" {
		possible = onList
	}
	f, ok := p.call(possible...)
	if !ok {
		return flow.Page{}, errDead
	}
	switch f {
	case Throttled:
		return flow.Page{}, flow.ErrThrottled
	case StaleIndex:
		p.w.holdIndex()
	}
	if p.w.trace != nil {
		p.w.tell(p.task.about, "%s: queries %s%s", p.task.name, q.List, q.Prefix)
	}
	page, err := p.w.store.Query(ctx, q)
	for i := range page.Items {
		p.see(&page.Items[i])
	}
	return page, err
}

// Write is the one place where the world changes.
func (p *ports) Write(ctx context.Context, ops ...flow.Op) error {
	possible := onWrite
	if sk := ops[0].Item.SK; (sk == item.SKGate || strings.HasPrefix(sk, item.PrefixMsg)) && p.ambushed() {
		possible = onClaim
	}
	f, ok := p.call(possible...)
	if !ok || p.besideAnother(ops[0].Item.SK) && !p.task.sleep(p.w.some(time.Second)) {
		return errDead
	}
	switch f {
	case Throttled:
		return flow.ErrThrottled
	case LostWrite:
		return fmt.Errorf("%w: no reply", flow.ErrUnknown)
	case Intruder:
		p.w.intrude(ops[0].Item.Key)
	}
	if p.newer {
		ops = stamped(ops)
	}
	err := p.w.commit(ctx, p.task, ops)
	if conflict, ok := flow.AsConflict(err); ok {
		p.see(conflict.Current)
		p.task.troubled = true
	}
	switch {
	case f == CrashAfter:
		p.task.die("after a write")
		return errDead
	case f == LostReply && err == nil:
		return fmt.Errorf("%w: no reply", flow.ErrUnknown)
	}
	return err
}

// Send is SES behind the adapter: one call, one attempt.
func (p *ports) Send(_ context.Context, m flow.Mail) (string, error) {
	possible := onSend
	if p.ambushed() {
		possible = onSendAmbushed
	}
	f, ok := p.call(possible...)
	if !ok {
		return "", errDead
	}
	p.w.watch.paced(p.task)
	refuse := func(o flow.Outcome, code string) (string, error) {
		return "", &flow.SendError{Outcome: o, Code: code, Err: errors.New(code)}
	}
	switch f {
	case TimeoutRefused:
		p.w.watch.unclear(m.ID)
		return refuse(flow.OutcomeUnknown, "timeout")
	case SESThrottled:
		return refuse(flow.OutcomeNotAccepted, "TooManyRequestsException")
	case SESRejected:
		return refuse(flow.OutcomeMessageFatal, "MessageRejected")
	case SESPaused:
		p.w.ses.pause()
	}
	if p.w.ses.paused() {
		p.task.refused = p.w.now
		return refuse(flow.OutcomeSenderWide, p.w.ses.refusal())
	}
	id := p.w.accept(p.task, m, f == TimeoutTaken)
	switch f {
	case TimeoutTaken:
		p.w.watch.unclear(m.ID)
		return refuse(flow.OutcomeUnknown, "timeout")
	case CrashAfter:
		p.task.die("after SES accepted")
		return "", errDead
	}
	return id, nil
}

// ambushed: this is deliver at work on somebody who may change her mind.
func (p *ports) ambushed() bool {
	who := p.w.byKey[p.task.about]
	return strings.HasPrefix(p.task.name, "deliver ") && who != nil && !who.steady
}

// besideAnother has a worker hesitate before it writes a MSG while another is at
// work on the same customer: what it decided may be overtaken.
func (p *ports) besideAnother(sk string) bool {
	if !strings.HasPrefix(sk, item.PrefixMsg) || p.w.rates == nil || p.w.rates[Ambush] == 0 || p.w.calm || p.w.rng.IntN(2) == 0 {
		return false
	}
	for _, t := range p.w.running {
		if t != p.task && t.about == p.task.about && strings.HasPrefix(t.name, "deliver ") {
			return true
		}
	}
	return false
}

// Allowance is what SES says of the account.
func (p *ports) Allowance(context.Context) (deliver.Allowance, error) {
	f, ok := p.call(SESUnreachable, CrashBefore)
	if !ok {
		return deliver.Allowance{}, errDead
	}
	if f == SESUnreachable {
		return deliver.Allowance{}, errors.New("no answer")
	}
	a := deliver.Allowance{PerSecond: p.w.ses.perSecond, PerDay: 50_000}
	switch {
	case p.w.ses.paused() && p.w.ses.quota:
		a.Used = a.PerDay
	case p.w.ses.paused():
		a.Paused = "sending is paused"
	}
	return a, nil
}

// Emit is the outside bus.
func (p *ports) Emit(_ context.Context, events ...flow.Emitted) error {
	f, ok := p.call(BusDown, CrashBefore, CrashAfter)
	if !ok {
		return errDead
	}
	if f == BusDown {
		return errors.New("the bus is down")
	}
	for _, e := range events {
		p.w.watch.emitted(p.task, &e)
	}
	if f == CrashAfter {
		p.task.die("after telling the bus")
		return errDead
	}
	return nil
}

// Sleep waits in virtual time.
func (p *ports) Sleep(_ context.Context, d time.Duration) error {
	if !p.task.sleep(d) {
		return errDead
	}
	return nil
}

// Now and Real are the wall clock of the instance, as on Lambda, to the
// millisecond and as exact as it is.
func (p *ports) Now(string) time.Time { return p.Real().Truncate(time.Millisecond) }
func (p *ports) Real() time.Time      { return p.w.now.Add(p.skew) }

// Token is fresh.
func (p *ports) Token() string { return p.w.tokens.Token() }

// Seq is the instance's clock in microseconds, or one more than the last.
func (p *ports) Seq() int64 {
	p.seq = max(p.seq+1, p.Real().UnixMicro())
	return p.seq
}

// Secret follows from the seed.
func (p *ports) Secret(n int) []byte { return p.w.tokens.Secret(n) }

func (*ports) Count(string, int64, ...flow.Dim)           {}
func (*ports) Observe(string, time.Duration, ...flow.Dim) {}

// releasesPort finds releases as an instance knows them: the live one up to 60 s
// old.
type releasesPort struct{ *instance }

func (p *releasesPort) Live(context.Context) (*release.Release, error) {
	if p.live.release == nil || p.w.now.Sub(p.live.read) >= time.Minute {
		p.live.release, p.live.read = p.w.live(), p.w.now
	}
	return p.live.release, nil
}

func (p *releasesPort) Get(_ context.Context, id string) (*release.Release, error) {
	if r := p.w.releaseOf(id); r != nil {
		return r, nil
	}
	return nil, flow.ErrNoRelease
}

func (w *World) releaseOf(id string) *release.Release {
	for _, r := range w.releases {
		if r.ID == id {
			return r
		}
	}
	return nil
}
