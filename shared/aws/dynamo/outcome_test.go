package dynamo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/shared/aws/backoff"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

var tableNames = map[item.Table]string{item.Customers: "customers-1", item.Insights: "insights-1"}

// scriptedStore talks to a script and waits for nothing.
func scriptedStore(answers ...answer) (*Store, *scripted) {
	script := &scripted{answers: answers}
	store := New(config("http://127.0.0.1:1", script), tableNames, nil)
	store.waitBy(backoff.None)
	return store, script
}

func failure(code, message string) answer {
	return answer{http.StatusBadRequest, fmt.Sprintf(`{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":%q}`, code, message)}
}

func cancellation(reasons ...string) answer {
	return answer{http.StatusBadRequest, `{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException",` +
		`"message":"Transaction cancelled","CancellationReasons":[` + strings.Join(reasons, ",") + `]}`}
}

var (
	broken  = answer{http.StatusInternalServerError, `{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"try again"}`}
	nothing = answer{http.StatusOK, `{}`}
	gate    = item.Item{Key: item.C("a", item.SKGate), V: 1, W: "mine"}
	profile = item.Item{Key: item.C("a", item.SKProfile), V: 1, W: "mine"}
	single  = []flow.Op{flow.Put(gate, flow.Absent)}
	double  = []flow.Op{flow.Put(gate, flow.Absent), flow.Put(profile, flow.Absent)}
	counted = []flow.Op{flow.Add(item.Key{Table: item.Insights, PK: "J", SK: "S"}, map[string]int64{"sent": 1})}
)

const (
	stored   = `{"pk":{"S":"C#a"},"sk":{"S":"GATE"},"v":{"N":"1"},"w":{"S":"mine"}}`
	foreign  = `{"pk":{"S":"C#a"},"sk":{"S":"GATE"},"v":{"N":"4"},"w":{"S":"other"}}`
	other    = `{"pk":{"S":"C#a"},"sk":{"S":"PROFILE"},"v":{"N":"4"},"w":{"S":"other"}}`
	none     = `{"Code":"None"}`
	conflict = `{"Code":"TransactionConflict","Message":"Transaction is ongoing for the item"}`
)

func TestWriteTellsWhatBecameOfIt(t *testing.T) {
	throttled := failure("ThrottlingException", "slow down")
	cases := []struct {
		name     string
		ops      []flow.Op
		answers  []answer
		want     error // nil: success; conflictWanted: a *Conflict
		requests int
	}{
		{"accepted", single, []answer{nothing}, nil, 1},
		{"throttled, then accepted", single, []answer{throttled, throttled, nothing}, nil, 3},
		{"throttled for good", single, []answer{throttled}, flow.ErrThrottled, backoff.Attempts},
		{"capacity exceeded", single, []answer{failure("ProvisionedThroughputExceededException", "")}, flow.ErrThrottled, backoff.Attempts},
		{"account limit", counted, []answer{failure("RequestLimitExceeded", "")}, flow.ErrThrottled, backoff.Attempts},
		{"met by a transaction", single, []answer{failure("TransactionConflictException", ""), nothing}, nil, 2},
		{"transactions met, then accepted", double, []answer{cancellation(none, conflict), nothing}, nil, 2},
		{"transaction throttled for good", double, []answer{cancellation(`{"Code":"ThrottlingError"}`, none)}, flow.ErrThrottled, backoff.Attempts},
		{"condition failed beside a throttle", double, []answer{cancellation(conflict, `{"Code":"ConditionalCheckFailed","Item":`+other+`}`)}, errConflict, 1},
		{"too large", single, []answer{failure("ValidationException", "Item size has exceeded the maximum allowed size")}, flow.ErrTooLarge, 1},
		{"too large in a transaction", double, []answer{cancellation(none, `{"Code":"ValidationError","Message":"Item size has exceeded the maximum allowed size"}`)}, flow.ErrTooLarge, 1},
		{"refused", single, []answer{failure("ValidationException", "One or more parameter values were invalid")}, errOther, 1},
		{"refused in a transaction", double, []answer{cancellation(`{"Code":"ValidationError","Message":"bad key"}`, none)}, errOther, 1},
		{"no such table", single, []answer{failure("ResourceNotFoundException", "")}, errOther, 1},
		{"not allowed", single, []answer{failure("AccessDeniedException", "")}, errOther, 1},
		{"5xx, and it stands there", single, []answer{broken, {200, `{"Item":` + stored + `}`}}, nil, 2},
		{"5xx, and another stands there", single, []answer{broken, {200, `{"Item":` + foreign + `}`}}, errConflict, 2},
		{"5xx, and nothing stands there", single, []answer{broken, nothing}, flow.ErrUnknown, 2},
		{"5xx after a throttle is not repeated", single, []answer{throttled, broken, nothing}, flow.ErrUnknown, 3},
		{"5xx of an add", counted, []answer{broken}, flow.ErrUnknown, 1},
		{"5xx of a transaction, and one part stands there", double, []answer{broken,
			{200, `{"Responses":{"customers-1":[` + other + `,` + stored + `]}}`}}, nil, 2},
		{"5xx of a transaction, and another stands there", double, []answer{broken,
			{200, `{"Responses":{"customers-1":[` + other + `]}}`}}, errConflict, 2},
		{"still in progress", double, []answer{failure("TransactionInProgressException", ""),
			{200, `{"Responses":{"customers-1":[` + stored + `]}}`}}, nil, 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			store, script := scriptedStore(c.answers...)
			err := store.Write(t.Context(), c.ops...)
			if got := kind(err); got != c.want {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if len(script.requests) != c.requests {
				t.Errorf("%d requests, want %d: %q", len(script.requests), c.requests, script.requests)
			}
		})
	}
}

var (
	errConflict = errors.New("a conflict")
	errOther    = errors.New("any other error")
)

func kind(err error) error {
	if _, ok := flow.AsConflict(err); ok {
		return errConflict
	}
	for _, known := range []error{nil, flow.ErrThrottled, flow.ErrTooLarge, flow.ErrUnknown} {
		if errors.Is(err, known) {
			return known
		}
	}
	return errOther
}

// A caller whose time is up is the likeliest to lose a reply.
func TestWriteIsSettledAfterTheCallersContextEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	store, script := scriptedStore(answer{200, `{"Item":` + stored + `}`})
	lost := roundTrip(func(r *http.Request) (*http.Response, error) {
		if writes(r) {
			cancel()
			return nil, ctx.Err()
		}
		return script.RoundTrip(r)
	})
	own := New(config("http://127.0.0.1:1", lost), tableNames, nil)
	own.delay, own.repeat = store.delay, store.repeat
	if err := own.Write(ctx, single...); err != nil {
		t.Fatalf("got %v, want success", err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTransactionKeepsItsIdempotencyTokenFromAttemptToAttempt(t *testing.T) {
	store, script := scriptedStore(cancellation(none, conflict), nothing)
	if err := store.Write(t.Context(), double...); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(script.requests[0], "ClientRequestToken") || script.requests[0] != script.requests[1] {
		t.Fatalf("the attempts differ:\n%s\n%s", script.requests[0], script.requests[1])
	}
}

func TestGetAsksAgainForWhatDynamoDBLeftUnprocessed(t *testing.T) {
	left := `"UnprocessedKeys":{"customers-1":{"ConsistentRead":true,"Keys":[{"pk":{"S":"C#a"},"sk":{"S":"PROFILE"}}]}}`
	store, script := scriptedStore(
		answer{200, `{"Responses":{"customers-1":[` + foreign + `]},` + left + `}`},
		answer{200, `{"Responses":{"customers-1":[` + other + `]}}`})
	items, err := store.Get(t.Context(), flow.Strong, gate.Key, profile.Key, gate.Key)
	if err != nil {
		t.Fatal(err)
	}
	if items[0] == nil || items[0].W != "other" || items[1] == nil || items[1].SK != item.SKProfile || items[2] == nil {
		t.Fatalf("got %+v", items)
	}
	if strings.Contains(script.requests[1], "GATE") || !strings.Contains(script.requests[1], "PROFILE") {
		t.Fatalf("asked again for %s", script.requests[1])
	}
}

func TestGetGivesUpOnWhatStaysUnprocessed(t *testing.T) {
	left := `{"UnprocessedKeys":{"customers-1":{"Keys":[{"pk":{"S":"C#a"},"sk":{"S":"PROFILE"}}]}}}`
	store, script := scriptedStore(answer{200, left})
	_, err := store.Get(t.Context(), flow.Eventual, gate.Key, profile.Key)
	if !errors.Is(err, flow.ErrThrottled) || len(script.requests) != backoff.Attempts {
		t.Fatalf("got %v after %d requests", err, len(script.requests))
	}
}

func TestStoreNamesTheTableThatTheFunctionLacks(t *testing.T) {
	store, _ := scriptedStore(nothing)
	_, err := store.Get(t.Context(), flow.Strong, item.Key{Table: item.Ledger, PK: "C#a", SK: "CONSENT#1"})
	if err == nil || !strings.Contains(err.Error(), "ledger") {
		t.Fatalf("got %v", err)
	}
}

// Most functions may put into the ledger and not read it (E21): a reply that got
// lost is settled by the rest of the transaction.
func TestWhatBecameOfALedgerEntryIsAskedOfTheGateBesideIt(t *testing.T) {
	script := &scripted{answers: []answer{broken, {200, `{"Item":` + stored + `}`}}}
	names := map[item.Table]string{item.Customers: "customers-1", item.Ledger: "ledger-1"}
	store := New(config("http://127.0.0.1:1", script), names, nil)
	store.waitBy(backoff.None)
	entry := item.Item{Key: item.Key{Table: item.Ledger, PK: "C#a", SK: "CONSENT#1"}, V: 1, W: "entry"}
	if err := store.Write(t.Context(), flow.Put(gate, flow.Absent), flow.Put(entry, flow.Absent)); err != nil {
		t.Fatal(err)
	}
	if len(script.requests) != 2 || strings.Contains(script.requests[1], "ledger-1") {
		t.Fatalf("asked %q", script.requests)
	}
}
