package sim

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/insights"
	"github.com/kesher-io/kesher/shared/flow/report"
)

// atRest holds what is left, when nothing is left to happen, against the promises.
func (w *World) atRest() {
	for _, p := range w.people {
		w.personAtRest(p)
	}
	for key, l := range w.watch.listed {
		w.violate("", "%s is still listed in %s for %s", key.SK, l.list, l.at)
	}
	for hash := range w.watch.bounced {
		o, _ := truth[profile.Owner](&w.watch, profile.OwnerKey(hash))
		if o.Suppressed == nil {
			w.violate("", "SES reported a bounce or complaint of an address, and it is not suppressed")
		}
	}
	w.recount()
}

// recount: the report, counted from the items alone, is what happened, and the
// counters made on the way never say more.
func (w *World) recount() {
	releases := &releasesPort{&instance{w: w}}
	r, err := (&report.Service{Store: understood{w.store}, Releases: releases}).Recount(context.Background(), report.Intake{})
	if err != nil {
		w.violate("", "recount: %v", err)
		return
	}
	sent := 0
	for id, l := range w.watch.letters {
		if l.accepted > 0 && w.watch.states[id] == message.Sent {
			sent++
		}
	}
	if w.result.Reached[Erased] > 0 {
		return // what the erased had is counted no more
	}
	if r.Messages.Sent != sent {
		w.violate("", "recount finds %d mails, %d were sent", r.Messages.Sent, sent)
	}
	for name, runs := range r.Runs {
		if runs.Started != runs.Exited+runs.Ended+runs.Active+runs.Parked {
			w.violate("", "recount of %s: %+v", name, *runs)
		}
		if runs.Started != w.watch.started[name] {
			w.violate("", "recount of %s finds %d runs, %d began", name, runs.Started, w.watch.started[name])
		}
		w.insights(name, runs.Started)
	}
}

// insights: counters are added once, after the commit; a crash may lose some.
func (w *World) insights(name string, started int) {
	counted := 0
	for _, rel := range w.releases {
		sums, err := insights.Sums(context.Background(), w.store, name, rel.Journeys[name].Version)
		if err != nil {
			w.violate("", "insights of %s: %v", name, err)
			return
		}
		counted += int(sums[engine.KindEntered.Word()])
		if w.releases[0].Journeys[name].Version == w.releases[1].Journeys[name].Version {
			break
		}
	}
	if counted > started {
		w.violate("", "insights of %s say %d runs, %d began", name, counted, started)
	}
}

func (w *World) personAtRest(p *person) {
	g, gate := w.watch.gateOf(p.key)
	epoch := int64(0)
	if gate != nil {
		epoch = gate.E
	}
	started := 0
	w.items(item.Customers, item.CustomerPK(p.key), func(it *item.Item) {
		if it.E < epoch {
			w.violate(p.key, "%s of epoch %d is left, she is in %d", it.SK, it.E, epoch)
		}
		switch {
		case strings.HasPrefix(it.SK, item.PrefixRun):
			started += w.runAtRest(p, it)
		case strings.HasPrefix(it.SK, item.PrefixMsg):
			w.messageAtRest(p, it)
		case strings.HasPrefix(it.SK, item.PrefixFault):
			w.violate(p.key, "a record was set aside: %s", it.Body)
		}
	})
	if err := consent.Verify(w.watch.ledgers[item.CustomerPK(p.key)], g.Ledger); err != nil {
		w.violate(p.key, "history of consent: %v", err)
	}
	if g.Erased != 0 {
		w.nothingOf(p)
		return
	}
	if epoch > 0 {
		w.result.Reached[CameBack]++
	}
	w.toldAtRest(p)
	w.loggedAtRest(p)
	w.profileAtRest(p)
	w.visitorAtRest(p)
	w.hostAtRest(p)
	w.askedAtRest(p, g)
	if p.steady && started == 0 && w.shouldStart(p) {
		w.violate(p.key, "she permits everything and put dear things into the cart, and no run began")
	}
}

// items hands over everything in a partition.
func (w *World) items(table item.Table, pk string, fn func(*item.Item)) {
	q := flow.Query{Table: table, PK: pk, Expired: true}
	if err := flow.Each(context.Background(), w.store, q, func(it item.Item) error { fn(&it); return nil }); err != nil {
		panic(err)
	}
}

func (w *World) runAtRest(p *person, it *item.Item) (started int) {
	run := held[passage](&w.watch, it)
	if p.steady {
		w.setAtRest(p, run, engine.Trace(it.Trace))
	}
	switch {
	case run.State == engine.Parked:
		w.result.Reached[Parked]++
	case run.State.Live():
		w.violate(p.key, "%v is %s for ever", run, run.State)
	}
	if got := run.Tally.Exited + run.Tally.Ended; run.State != engine.Parked && got != run.Tally.Started {
		w.violate(p.key, "%v: %d began, %d ended", run, run.Tally.Started, got)
	}
	return run.Tally.Started
}

// loggedAtRest: what SES said to have delivered stands in her log, and an answer has
// begun what it begins.
func (w *World) loggedAtRest(p *person) {
	if !p.steady {
		return
	}
	delivered, answered := 0, false
	for _, s := range w.watch.facts[p.key] {
		if s.is(fact.EmailDelivered) {
			delivered++
		}
		answered = answered || s.is(fact.SurveyAnswered)
	}
	if want := len(w.watch.delivered[p.key]); delivered < want {
		w.violate(p.key, "SES delivered %d mails, and her log has %d", want, delivered)
	}
	if answered && w.has("taste") && w.watch.read(item.C(p.key, item.RunSK("taste", ""))) == nil {
		w.violate(p.key, "she answered, and no run began")
	}
}

// skipTold: what was skipped stands in her log.
func (w *World) skipTold(p *person, id string) bool {
	return slices.ContainsFunc(w.watch.facts[p.key], func(s *stored) bool {
		return s.is(fact.MessageSkipped) && w.watch.event(s).ID == id
	})
}

// hostAtRest: what another did at her browser before she was known there is not hers.
func (w *World) hostAtRest(p *person) {
	if p.host == nil {
		return
	}
	for _, s := range w.watch.facts[p.key] {
		if id := w.watch.event(s).ID; p.host.looked[id] {
			w.violate(p.key, "what another looked at in the same browser (%s) is hers", id)
		}
	}
	w.result.Reached[BorrowedBrowser]++
}

// askedAtRest: whether she permits what a form asked for was asked, at the latest once
// she had confirmed her address.
func (w *World) askedAtRest(p *person, g *consent.Gate) {
	known, _ := w.watch.profileOf(p.key)
	if !p.steady || known.AddressHash == "" || g.States["marketing/email"].State != consent.Pending {
		return
	}
	at, _ := truth[profile.Owner](&w.watch, profile.OwnerKey(known.AddressHash))
	if _, asked := at.Asked["marketing/email"]; !asked {
		w.violate(p.key, "what a form asked for waits, and she is never asked")
	}
}

// visitorAtRest: what she did before she was known is hers, each once (I07).
func (w *World) visitorAtRest(p *person) {
	if !p.steady || len(p.looked) == 0 {
		return
	}
	times := map[string]int{}
	for _, s := range w.watch.facts[p.key] {
		times[w.watch.event(s).ID]++
	}
	for id := range p.looked {
		if times[id] != 1 {
			w.violate(p.key, "what she looked at as a visitor (%s) is hers %d times", id, times[id])
		}
		w.result.Reached[WasVisitor]++
	}
}

// setAtRest: what a step set stands in her profile, which nobody else writes to.
func (w *World) setAtRest(p *person, run *passage, trace engine.Trace) {
	known, _ := w.watch.profileOf(p.key)
	for _, made := range w.watch.decisions(trace) {
		for name, v := range made.Values {
			if made.Kind == engine.KindSet && known.Traits[name].Value != v {
				w.violate(p.key, "%v set %s, and her profile has it not", run, name)
			}
		}
	}
}

// profileAtRest: nobody's write took away what she said.
func (w *World) profileAtRest(p *person) {
	doc, _ := w.watch.profileOf(p.key)
	if doc.PendingHash != "" {
		w.violate(p.key, "an address that she never confirmed is kept")
	}
	if p.steady && (doc.Address.Reveal() != p.email || doc.Traits["first_name"].Value != p.name) {
		w.violate(p.key, "her profile has lost what she said")
	}
}

// messageAtRest: what is stored of a message is what became of it.
func (w *World) messageAtRest(p *person, it *item.Item) {
	m := held[message.Msg](&w.watch, it)
	l := w.watch.letter(m.ID)
	switch {
	case m.State == message.Skipped && p.steady && !w.skipTold(p, m.ID):
		w.violate(p.key, "message %s is skipped, and her log says nothing of it", m.ID)
	case m.State == message.Held:
		w.violate(p.key, "message %s is held for ever (%s)", m.ID, m.Reason)
	case l.accepted > 0 && m.State == message.Skipped && l.claims > 0 && !w.watch.reported[m.ID]:
		// A worker beside skipped it before the claim (by an exit that came between
		// their reads); then the one who sent it could not write, and SES never said.
		w.result.Reached[SkippedUnsaid]++
	case l.accepted > 0 && m.State != message.Sent && m.State != message.Unknown:
		w.violate(p.key, "message %s is %s (%s), and SES accepted it", m.ID, m.State, m.Reason)
	case m.State == message.Unknown && w.watch.reported[m.ID]:
		w.violate(p.key, "message %s is unknown, and SES reported it", m.ID)
	}
}

// toldAtRest: the bus was told of every event of hers that the catalog opted in.
func (w *World) toldAtRest(p *person) {
	if !p.steady {
		return
	}
	for _, name := range w.live().Settings.Emit {
		happened := 0
		for _, s := range w.watch.facts[p.key] {
			if s.is(name) {
				happened++
			}
		}
		if told := w.watch.told[p.key+name]; told < happened {
			w.violate(p.key, "%d times %s, and the bus was told %d", happened, name, told)
		}
	}
}

// shouldStart: one of her dear products was taken while everything was permitted,
// long enough before the end for its run to begin. What was set aside may be told again
// after more than a day, and begins nothing then.
func (w *World) shouldStart(p *person) bool {
	if w.releases[0].Journeys["cart"] == nil || w.watch.delayed[p.key] {
		return false
	}
	for _, s := range w.watch.facts[p.key] {
		if !s.is("Product Added") {
			continue
		}
		e := w.watch.event(s)
		price, _ := e.Props["price"].(float64)
		if late := e.In.Time().Sub(time.UnixMilli(e.At)); price >= 20 && late < 30*time.Minute {
			return true
		}
	}
	return false
}

// nothingOf: an erased customer has left no word of herself, wherever it may be.
func (w *World) nothingOf(p *person) {
	for _, other := range w.people {
		if other != p && slices.ContainsFunc(other.had, func(a string) bool { return slices.Contains(p.had, a) }) {
			return // what is left is the other's
		}
	}
	for _, it := range w.everything() {
		if p.namedIn(it.Body) || p.namedIn(it.Trace) || p.namedIn(it.PK+it.SK) {
			w.violate(p.key, "she was erased, and %s still names her", it.Key)
		}
	}
	lent := slices.ContainsFunc(w.people, func(other *person) bool { return other.host == p })
	if w.watch.aliased[p.key] && !lent {
		w.items(item.Customers, item.PrefixVisitor+w.keys.Visitor(p.anon), func(it *item.Item) {
			w.violate(p.key, "she was erased, and %s of the visitor she was is left", it.SK)
		})
	}
	w.items(item.Customers, item.CustomerPK(p.key), func(it *item.Item) {
		if it.SK != item.SKGate && !strings.HasPrefix(it.SK, item.EventPrefix(fact.CustomerErased)) {
			w.violate(p.key, "she was erased, and %s is left", it.SK)
		}
	})
}

// namedIn says whether a text holds her address, her name or her id.
func (p *person) namedIn(text string) bool {
	for _, word := range []string{p.id + "@", p.name + `"`, `"` + p.id + `"`} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

// everything is all that the customers table holds in the end.
func (w *World) everything() []*item.Item {
	if w.left != nil {
		return w.left
	}
	pks := map[string]bool{}
	for _, c := range w.store.ChangesAfter(0) {
		pks[c.Key.PK] = true
	}
	for pk := range pks {
		w.items(item.Customers, pk, func(it *item.Item) { w.left = append(w.left, it) })
	}
	return w.left
}
