package preferences

import (
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
)

func TestTwoLinksOfAMailAreTwoClicks(t *testing.T) {
	w := newWorld(t)
	w.apply(consent.Statement{Purpose: "tracking", State: consent.Granted, Notice: &consent.Notice{ID: "measure", Lang: "en"}, By: consent.Person})
	for _, target := range []string{"https://shop.example/a", "https://shop.example/b", "https://shop.example/a"} {
		link := w.ring.MintLink(token.Link{Target: target, Journey: "cart", Step: "s", Customer: w.dana, Message: "abcdefghijklmnop-0"})
		if _, ok, err := w.svc.Click(w.ctx, link); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	if n := len(w.events(fact.EmailLinkClicked)); n != 2 {
		t.Fatalf("%d clicks", n)
	}
}

// A link in a mail of before an erasure tells nothing of who came back.
func TestA36AClickInAMailOfBeforeTheErasureIsNobodys(t *testing.T) {
	w := newWorld(t)
	w.returns()
	w.apply(consent.Statement{Purpose: "tracking", State: consent.Granted, Notice: &consent.Notice{ID: "measure", Lang: "en"}, By: consent.Person})
	link := w.ring.MintLink(token.Link{Target: "https://shop.example/a", Journey: "cart", Step: "s", Customer: w.dana, Message: "abcdefghijklmnop-0"})
	if _, _, err := w.svc.Click(w.ctx, link); err != nil {
		t.Fatal(err)
	}
	if n := len(w.events(fact.EmailLinkClicked)); n != 0 {
		t.Fatalf("%d clicks", n)
	}
}

// The signal of her former self is not shown, nor taken for one of hers.
func TestA36ASignalOfBeforeTheErasureIsNotHers(t *testing.T) {
	w := newWorld(t)
	w.must(w.svc.Signal(w.ctx, w.session(), "gpc"))
	old := w.events(fact.SignalReceived)
	w.returns()
	p, err := w.svc.open(w.ctx, w.dana)
	w.must(err)
	// written past the tombstone, and not swept yet
	it := (*item.Item)(nil).Next(item.C(w.dana, item.EventSK(fact.SignalReceived, time.UnixMilli(old[0].At), old[0].ID)), "w", p.Epoch-1)
	w.must(it.Encode(old[0]))
	w.must(w.store.Write(w.ctx, flow.Put(it, flow.Any)))
	if at, err := w.svc.signalled(w.ctx, p); at != 0 || err != nil {
		t.Fatalf("signalled at %d (%v)", at, err)
	}
}
