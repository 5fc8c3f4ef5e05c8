package preferences

import (
	"errors"
	"testing"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/collect"
	"github.com/kesher-io/kesher/shared/flow/erase"
	"github.com/kesher-io/kesher/shared/testkit/fake"
)

// returns erases Dana, who comes back a minute later.
func (w *world) returns() {
	w.clock.Advance(time.Minute)
	forget := &erase.Service{Store: w.store, Clock: w.clock, Tokens: fake.NewTokens(2)}
	_, err := forget.Erase(w.ctx, w.dana)
	w.must(err)
	w.clock.Advance(time.Minute)
	again, bad := events.DecodeCall([]byte(`{"type":"identify","userId":"dana","traits":{"first_name":"Anew"}}`), "")
	if bad != nil {
		w.t.Fatal(bad)
	}
	_, err = w.service(w.store).Collect.Collect(w.ctx, again, collect.Source{Kind: collect.Server})
	w.must(err)
}

// A press that read her before she was erased, and writes when she is back, is of
// a session that is over.
func TestA36APressOfBeforeTheErasureChangesNothingOfWhoCameBack(t *testing.T) {
	days := 7
	for name, change := range map[string]Change{
		"topic":    {Topic: &TopicChange{Topic: "cart"}},
		"pause":    {Pause: &days},
		"language": {Language: "en"},
		"trait":    {Trait: &TraitChange{Name: "first_name", Text: "Old"}},
		"forget":   {Forget: "first_name"},
		"grant":    {Grant: &Choice{Purpose: "tracking", Notice: "measure", Version: "v1"}},
		"withdraw": {Withdraw: &Choice{Purpose: "marketing", Channel: "email"}},
		"stop all": {StopAll: true},
		"erase":    {Erase: true},
		"address":  {Address: "new@shop.example"},
	} {
		w := newWorld(t)
		c := w.session()
		s := w.service(fake.Racing(w.store, "", w.returns))
		if err := s.Change(w.ctx, c, "en", change); err != nil && !errors.Is(err, ErrSession) {
			t.Errorf("%s: %v", name, err)
		}
		items, err := w.store.Get(w.ctx, flow.Strong, item.C(w.dana, item.SKGate))
		w.must(err)
		g, p := w.gate(), w.profile()
		if items[0].E != 1 || g.Erased != 0 || len(g.States) != 0 || g.Topics != nil || g.Paused != 0 {
			t.Errorf("%s: gate of epoch %d %+v", name, items[0].E, g)
		}
		if p.Traits["first_name"].Value != "Anew" || p.Locale != "" || p.PendingHash != "" {
			t.Errorf("%s: her new profile was changed", name)
		}
		due := map[string]int64{}
		if w.read(item.C(w.dana, item.SKAgenda), &due); len(due) != 1 {
			t.Errorf("%s: agenda %v", name, due)
		}
	}
}

// The nonce of a mailed link is its message's id, which holds the epoch.
func TestA36ALinkMailedBeforeTheErasureOpensNothingOfWhoCameBack(t *testing.T) {
	w := newWorld(t)
	link := w.ring.MintSession(token.Session{Customer: w.dana, Nonce: "abcdefghijklmnop-0", Expires: w.clock.Now(w.dana).Add(SessionFor).UnixMilli()})
	w.returns()
	if _, ok, err := w.svc.Redeem(w.ctx, link); ok || err != nil {
		t.Fatalf("opened %v, %v", ok, err)
	}
}

// E04, A36: a session of before an erasure opens nothing of who came back.
func TestA36ASessionEndsWithAnErasure(t *testing.T) {
	w := newWorld(t)
	c := w.session()
	w.returns()
	if got, err := w.svc.Centre(w.ctx, c, "en"); got != nil || err != nil {
		t.Fatalf("%+v (%v)", got, err)
	}
	if err := w.svc.Change(w.ctx, c, "en", Change{Erase: true}); err != ErrSession {
		t.Fatal(err)
	}
}
