package sim

import (
	"fmt"
	"strings"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/profile"
)

// maxRun bounds a RUN (QUALITY section 3).
const maxRun = 32 << 10

// passage is what the promises are about in a RUN: engine.Run without the rest.
type passage struct {
	ID      string          `json:"i"`
	Journey string          `json:"j"`
	Release string          `json:"rl"`
	Version string          `json:"vn"`
	State   engine.State    `json:"s"`
	Step    string          `json:"st"`
	Visit   int             `json:"vi"`
	Began   ident.Stamp     `json:"b"`
	Due     int64           `json:"d"`
	At      ident.Stamp     `json:"at"`
	Entry   entry           `json:"e"`
	Out     *engine.Command `json:"x"`
	Exiting string          `json:"ex"`
	Tally   engine.Tally    `json:"c"`
	Key     string          `json:"k"`
	Entered ident.Stamp     `json:"en"`
	EndAt   ident.Stamp     `json:"ea"`
}

// entry is the fact by which it began.
type entry struct {
	ID string      `json:"i"`
	At int64       `json:"at"`
	In ident.Stamp `json:"in"`
}

func (p *passage) String() string {
	return fmt.Sprintf("run %s of %s at %s", p.ID, p.Journey, p.Step)
}

// run sees RUN change.
func (o *watch) run(t *task, customer string, c *item.Change) {
	if c.New == nil {
		return // an erasure
	}
	before, after := documents[passage](o, c)
	bad := func(format string, args ...any) {
		o.w.violate(customer, "%v: "+format, append([]any{after}, args...)...)
	}
	if c.New.Size() > maxRun {
		bad("it has %d bytes", c.New.Size())
	}
	if after.State.Live() != (c.New.IK != "") {
		bad("it is %s and stands in list %q", after.State, c.New.IK)
	}
	made := []engine.Decision(nil)
	if before.State == engine.Waiting {
		newest := strings.TrimPrefix(strings.TrimPrefix(c.New.Trace, c.Old.Trace), "\n")
		made = o.decisions(engine.Trace(newest))
	}
	o.waiting(before, after, made, bad)
	switch {
	case before.ID == after.ID:
		o.moved(t, customer, before, after, bad)
		o.timer(t, customer, before, made, bad)
	default:
		o.begun(t, customer, c.New, before, after, bad)
	}
	if out := after.Out; out != nil && out.Send != nil {
		visit := fmt.Sprintf("%s/%s/%d", after.ID, after.Step, after.Visit)
		if known, ok := o.visits[out.Send.Message]; ok && known != visit {
			bad("message %s was %s, and is %s", out.Send.Message, known, visit)
		}
		o.firstDue(out.Send, bad)
		o.visits[out.Send.Message] = visit
		o.sends[out.Send.Message] = after
	}
}

// begun: a new passage, which must not take the place of one under way, nor be
// of a fact that started one before.
func (o *watch) begun(t *task, customer string, it *item.Item, before, after *passage, bad func(string, ...any)) {
	if before.ID != "" && before.State.Live() {
		bad("it takes the place of %s, which is under way", before.ID)
	}
	if before.ID != "" && o.read(item.C(customer, item.PastSK(before.Journey, before.ID))) == nil {
		bad("nothing is kept of %s before it", before.ID)
	}
	if after.Tally.Started != before.Tally.Started+1 {
		bad("%d passages after %d", after.Tally.Started, before.Tally.Started)
	}
	entry := fmt.Sprintf("%s/%d/%s/%s", customer, it.E, after.Journey, after.Entry.ID)
	if earlier, ok := o.entries[entry]; ok {
		bad("the fact %s started %s already", after.Entry.ID, earlier)
	}
	if g, _ := o.gateOf(customer); g.Erased != 0 && o.erased[customer] <= t.gateRead {
		bad("it began, and she is erased")
	}
	o.enters(it, before, after, bad)
	if at, refused := o.withdrawn[customer+" personalization"]; refused && at <= t.gateRead && (after.Journey == "cart" || after.Journey == "browse") {
		bad("it began by what she no longer lets be used")
	}
	o.chosen(t, customer, it, after, bad)
	o.entries[entry] = after.ID
	o.started[after.Journey]++
	o.w.result.Reached[Entered]++
}

// moved: the same passage, further on.
func (o *watch) moved(t *task, customer string, before, after *passage, bad func(string, ...any)) {
	if after.Release != o.w.live().ID {
		o.w.result.Reached[NewVersion]++
	}
	if before.Release != after.Release || before.Version != after.Version {
		bad("it changed from release %s to %s", before.Release, after.Release)
	}
	if !before.State.Live() && after.State.Live() {
		bad("it had ended and goes on")
	}
	if after.At < before.At {
		bad("its time went back from %s to %s", before.At, after.At)
	}
	if before.Out == nil || before.Out.Send == nil || after.Out != nil && after.Out.Send != nil && after.Out.Send.Message == before.Out.Send.Message {
		return
	}
	// It leaves a send through the message's stored state, and in no other way.
	id := before.Out.Send.Message
	m, it := truth[message.Msg](o, item.C(customer, item.MsgSK(id)))
	if it == nil {
		if after.State != engine.Parked {
			bad("it left %s, about which nothing is stored", id)
		}
		return
	}
	if !m.State.Final() && after.State != engine.Parked && after.State != engine.Waiting {
		bad("it left %s, which is %s", id, m.State)
	}
	if before.Exiting != "" && after.State == engine.Exited {
		o.w.result.Reached[ExitWhileDue]++
	}
}

// timer: what was awaited, and stored by the time the deadline's timer fired,
// having arrived by the deadline, goes before it.
func (o *watch) timer(t *task, customer string, before *passage, newest []engine.Decision, bad func(string, ...any)) {
	if _, refused := o.withdrawn[customer+" personalization"]; refused {
		return // what was awaited may be none of the journey's business any more
	}
	for _, made := range newest {
		event, timed := strings.CutPrefix(made.Reason, "no ")
		if !timed || made.Kind != engine.KindBranch || made.Step != before.Step || made.At < before.At.Milli() {
			continue
		}
		for _, s := range o.facts[customer] {
			if !s.is(event) || s.writes > t.begun {
				continue
			}
			if e := o.event(s); e.In > before.Began && e.In.Own(e.At) > before.Began && e.In.Milli() <= before.Due {
				bad("it went on without %s, which came at %s", event, e.In)
			}
		}
	}
}

func (o *watch) decisions(trace engine.Trace) []engine.Decision {
	made, err := trace.Read()
	if err != nil {
		o.w.violate("", "%v", err)
	}
	return made
}

// message sees MSG change.
func (o *watch) message(t *task, customer string, c *item.Change) {
	if c.New == nil {
		return
	}
	before, after := documents[message.Msg](o, c)
	if before.State == message.Sent && after.State != message.Sent {
		o.w.violate(customer, "message %s was sent and is %s", after.ID, after.State)
	}
	if epoch, ok := ident.MessageEpoch(after.ID); !ok || epoch != c.New.E {
		o.w.violate(customer, "message %s stands in epoch %d", after.ID, c.New.E)
	}
	o.states[after.ID] = after.State
	if t.failed = ""; after.State == message.Failed {
		t.failed = after.ID
	}
	l := o.letter(after.ID)
	if after.State == message.Unknown && before.State != message.Unknown && l.claimer != nil {
		switch c := l.claimer; {
		case l.atWork(t) && t.gateRead >= l.claimed:
			o.w.violate(customer, "message %s is unknown, and whoever claimed it is at work on it", after.ID)
		case c != t && c.ended && !c.dead && c.err == nil && !l.unclear && !c.aside:
			o.w.violate(customer, "message %s is unknown, and whoever claimed it was never in doubt", after.ID)
		}
	}
	if after.State == message.Skipped && after.Purpose == "service" && asksHer(after.Reason) {
		o.w.violate(customer, "message %s was owed to her, and is skipped: %s", after.ID, after.Reason)
	}
	if run := o.sends[after.ID]; after.State == message.Skipped && after.Reason == message.ReasonSuppressed && run != nil && run.Journey == journey.Confirm {
		_, hash := o.asksAt(customer, run)
		if at, _ := truth[profile.Owner](o, profile.OwnerKey(hash)); at.Suppressed != nil && at.Suppressed.Reason == consent.SuppressErased {
			o.w.violate(customer, "she signs up again, and is not asked whether it is she")
		}
	}
	if after.State == message.Sent && after.Purpose == "marketing" && strings.HasPrefix(t.name, "deliver ") && !o.agreed(customer, after.Ledger) {
		o.w.violate(customer, "message %s names no entry of her history by which she agreed (%q)", after.ID, after.Ledger)
	}
	if after.State == message.Sent && l.accepted == 0 {
		o.w.violate(customer, "message %s is sent, and SES never accepted it", after.ID)
	}
	if before.State == after.State {
		return
	}
	switch {
	case after.State == message.Unknown:
		o.w.result.Reached[BecameUnknown]++
	case before.State == message.Unknown && after.State == message.Sent:
		o.w.result.Reached[UnknownSettled]++
	case before.State == message.Skipped && after.State == message.Sent:
		o.w.result.Reached[SkippedLeftAfterAll]++
	case before.State == "" && after.State == message.Sent && after.Template == "":
		o.w.result.Reached[ReportFirst]++
	case after.State == message.Held:
		o.w.result.Reached[Reached("held: "+after.Reason)]++
	case after.State == message.Skipped:
		o.w.result.Reached[Reached("skipped: "+after.Reason)]++
	case after.State == message.Failed:
		o.w.result.Reached[BecameFailed]++
	}
}

// agreed says whether the history of consent has such an entry, and it is a yes.
func (o *watch) agreed(customer, sk string) bool {
	for _, e := range o.ledgers[item.CustomerPK(customer)] {
		if consent.LedgerSK(e.N) == sk {
			return e.State == consent.Granted && e.Purpose == "marketing" && e.Channel == "email"
		}
	}
	return false
}
