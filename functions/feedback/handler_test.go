package feedback

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/consents"
	"github.com/kesher-io/kesher/shared/flow/feedback"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

type metrics map[string]int64

func (m metrics) Count(name string, n int64, _ ...flow.Dim)  { m[name] += n }
func (m metrics) Observe(string, time.Duration, ...flow.Dim) {}
func newHandler() (*Handler, *memstore.Store, metrics, *bytes.Buffer) {
	clock, tokens, keys := fake.NewClock(time.Date(2026, 11, 20, 8, 1, 0, 0, time.UTC)), fake.NewTokens(1), ident.NewKeys([]byte("secret"))
	store, m, log := memstore.New(clock.NowOf), metrics{}, &bytes.Buffer{}
	return &Handler{
		Flow: &feedback.Service{
			Store: store, Clock: clock, Tokens: tokens, Keys: keys, Metrics: m,
			Consents: consents.Writer{Store: store, Clock: clock, Tokens: tokens, Keys: keys},
		},
		Metrics: m, Log: slog.New(slog.NewTextHandler(log, nil)),
	}, store, m, log
}

func TestEventBridgesBytesBecomeAnEvent(t *testing.T) {
	h, store, _, _ := newHandler()
	raw, err := os.ReadFile("../../events/testdata/ses/delivery.json")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Handle(context.Background(), raw); err != nil {
		t.Fatal(err)
	}
	page, err := store.Query(context.Background(), flow.Query{
		Table: item.Customers, PK: item.CustomerPK("00112233445566778899aabbccddeeff"), Prefix: item.EventPrefix(fact.EmailDelivered),
	})
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("%d events (%v), want 1", len(page.Items), err)
	}
}

func TestWhatCanNotBeReadIsCountedAndLetGo(t *testing.T) {
	h, store, m, log := newHandler()
	for _, raw := range []string{"", "null", `{"source":"aws.s3","id":"x"}`, `{"source":"aws.ses","id":"dana@shop.example","detail":7}`} {
		if _, err := h.Handle(context.Background(), []byte(raw)); err != nil {
			t.Errorf("%q blocks the function: %v", raw, err)
		}
	}
	if m[MetricMalformed] != 4 || len(store.Changes()) != 0 {
		t.Fatalf("counted %v, wrote %d", m, len(store.Changes()))
	}
	if strings.Contains(log.String(), "dana") {
		t.Fatalf("the log quotes the input: %s", log)
	}
}
