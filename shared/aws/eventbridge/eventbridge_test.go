package eventbridge

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/aws/backoff"
	"github.com/kesher-io/kesher/shared/aws/internal/wire"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/testkit/awsmodel"
)

func emitted(n, bytes int) []flow.Emitted {
	list := make([]flow.Emitted, n)
	for i := range list {
		list[i] = flow.Emitted{
			ID: fmt.Sprint("event-", i), Name: fact.EmailBounced, Customer: "0123456789abcdef",
			At:     time.Date(2026, 11, 24, 11, 0, 0, 0, time.FixedZone("", 7200)),
			Detail: map[string]any{"text": strings.Repeat("x", bytes)},
		}
	}
	return list
}

// entries reads a request back, as EventBridge does.
func entries(t *testing.T, r wire.Request) (list []struct{ EventBusName, Source, DetailType, Detail string }) {
	t.Helper()
	var in struct {
		Entries *[]struct{ EventBusName, Source, DetailType, Detail string }
	}
	in.Entries = &list
	if err := json.Unmarshal(r.Body, &in); err != nil {
		t.Fatal(err)
	}
	return list
}

// accept answers every entry of a request with an id.
func accept(t *testing.T) func(wire.Request) wire.Answer {
	return func(r wire.Request) wire.Answer {
		results := strings.Repeat(`,{"EventId":"1"}`, len(entries(t, r)))
		return wire.Answer{Body: `{"FailedEntryCount":0,"Entries":[` + strings.TrimPrefix(results, ",") + `]}`}
	}
}

func open(s *wire.Service) *Emitter {
	e := New(s.Config(), "kesher-bus", "prod")
	e.delay = backoff.None
	return e
}

func TestEmitPutsTheEventOfTheContract(t *testing.T) {
	s := wire.Serve(t, accept(t))
	if err := open(s).Emit(t.Context(), emitted(1, 3)...); err != nil {
		t.Fatal(err)
	}
	request := s.Requests()[0]
	got := entries(t, request)[0]
	if got.EventBusName != "kesher-bus" || got.Source != "kesher.prod" || got.DetailType != "Email Bounced" {
		t.Errorf("got %+v", got)
	}
	want := `{"id":"event-0","customer":"0123456789abcdef","at":"2026-11-24T09:00:00Z","properties":{"text":"xxx"}}`
	if got.Detail != want {
		t.Errorf("detail %s\nwant   %s", got.Detail, want)
	}
	for _, problem := range awsmodel.Load(t, "events").Check("PutEvents", request.Body) {
		t.Error(problem)
	}
}

func TestEmitKeepsToTheLimitsOfARequest(t *testing.T) {
	for name, c := range map[string]struct{ events, bytes, requests int }{
		"nothing":                  {0, 0, 0},
		"ten at a time":            {21, 1, 3},
		"256 KB at a time":         {5, 100 * 1024, 3},
		"one as large as it may":   {1, 255 * 1024, 1},
		"two as large as they may": {2, 255 * 1024, 2},
	} {
		s := wire.Serve(t, accept(t))
		if err := open(s).Emit(t.Context(), emitted(c.events, c.bytes)...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		put := 0
		for _, r := range s.Requests() {
			put += len(entries(t, r))
		}
		if put != c.events || len(s.Requests()) != c.requests {
			t.Errorf("%s: %d of %d events in %d requests, want %d", name, put, c.events, len(s.Requests()), c.requests)
		}
	}
}

func TestEmitRefusesOneThatIsTooLargeAndPutsTheRest(t *testing.T) {
	s := wire.Serve(t, accept(t))
	list := append(emitted(1, 300*1024), emitted(1, 1)...)
	err := open(s).Emit(t.Context(), list...)
	if err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("got %v", err)
	}
	if len(s.Requests()) != 1 || len(entries(t, s.Requests()[0])) != 1 {
		t.Errorf("%d requests", len(s.Requests()))
	}
}

func TestEmitRepeatsOnlyTheEntriesThatFailed(t *testing.T) {
	s := wire.Serve(t, wire.InTurn(
		wire.Answer{Body: `{"FailedEntryCount":1,"Entries":[{"EventId":"1"},{"ErrorCode":"ThrottlingException"},{"EventId":"3"}]}`},
		wire.Answer{Body: `{"FailedEntryCount":0,"Entries":[{"EventId":"2"}]}`},
	))
	if err := open(s).Emit(t.Context(), emitted(3, 1)...); err != nil {
		t.Fatal(err)
	}
	requests := s.Requests()
	if len(requests) != 2 {
		t.Fatalf("%d requests", len(requests))
	}
	again := entries(t, requests[1])
	if len(again) != 1 || !strings.Contains(again[0].Detail, "event-1") {
		t.Fatalf("repeated %+v", again)
	}
}

func TestEmitTellsWhatCouldNotBePut(t *testing.T) {
	s := wire.Serve(t, wire.Always(wire.Answer{Body: `{"FailedEntryCount":1,"Entries":[{"ErrorCode":"InternalFailure"}]}`}))
	err := open(s).Emit(t.Context(), emitted(1, 1)...)
	if err == nil || !strings.Contains(err.Error(), "InternalFailure") || len(s.Requests()) != backoff.Attempts {
		t.Fatalf("got %v after %d requests", err, len(s.Requests()))
	}
}
