package console

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/faults"
)

// Failures are the payloads that outlived every attempt: the failure bucket on
// AWS, a folder on one machine. Both hold the shape that Lambda writes (Lambda
// developer guide, "Retain discarded records for a DynamoDB event source").
type Failures interface {
	List(ctx context.Context) ([]Failure, error)
	Read(ctx context.Context, name string) ([]byte, error)
}

// Failure is one of them.
type Failure struct {
	Name string    `json:"key"`
	At   time.Time `json:"at"`
}

// Fault is what could not be worked, as the list shows it. Key names it in retry;
// it tells nothing, since an IN# partition holds a userId.
type Fault struct {
	Key      string    `json:"key"`
	Item     string    `json:"item"` // its kind: EVENT, RUN, ...
	Customer string    `json:"customer,omitempty"`
	Consumer string    `json:"consumer"`
	Reason   string    `json:"reason"`
	At       time.Time `json:"at"`
	Tries    int       `json:"tries"`

	of item.Key
}

// FaultList answers GET /admin/v1/faults.
type FaultList struct {
	Faults   []Fault   `json:"faults"`
	Failures []Failure `json:"failures"`
}

// Retried answers a retry: how many items were sent down the stream once more,
// and how many are gone.
type Retried struct {
	Retried int `json:"retried"`
	Gone    int `json:"gone"`
}

func (h *handler) listFaults(r *http.Request) (any, error) {
	list, err := h.allFaults(r.Context())
	if err != nil {
		return nil, err
	}
	all := FaultList{Faults: list, Failures: []Failure{}}
	if h.Failures != nil {
		found, err := h.Failures.List(r.Context())
		if err != nil {
			return nil, err
		}
		all.Failures = append(all.Failures, found...)
	}
	return all, nil
}

func (h *handler) allFaults(ctx context.Context) ([]Fault, error) {
	stored, err := h.faults.List(ctx)
	list := []Fault{}
	for _, f := range stored {
		list = append(list, faultOf(f))
	}
	return list, err
}

func faultOf(f faults.Fault) Fault {
	kind, _, _ := strings.Cut(f.Key.SK, "#")
	if strings.HasPrefix(f.Key.PK, item.PrefixInbox) {
		kind = strings.TrimSuffix(item.PrefixInbox, "#")
	}
	customer, _ := item.CustomerOf(f.Key.PK)
	return Fault{
		Key: ident.Derive("fault", f.Key.PK, f.Key.SK), Item: kind, Customer: customer, Consumer: f.Consumer,
		Reason: f.Reason, At: time.UnixMilli(f.At).UTC(), Tries: f.Tries, of: f.Key,
	}
}

func (h *handler) countFailures(ctx context.Context) (int, error) {
	if h.Failures == nil {
		return 0, nil
	}
	found, err := h.Failures.List(ctx)
	return len(found), err
}

func (h *handler) retryFault(r *http.Request) (any, error) {
	var body struct {
		Key string `json:"key"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	return h.retry(r.Context(), body.Key)
}

// retry sends what could not be worked down the stream once more: one fault by its
// key, every fault by "all", or the records of one kept payload.
func (h *handler) retry(ctx context.Context, key string) (*Retried, error) {
	list, err := h.allFaults(ctx)
	if err != nil {
		return nil, err
	}
	done := &Retried{}
	found := key == "all"
	for _, f := range list {
		if f.Key != key && key != "all" {
			continue
		}
		found = true
		if err := h.faults.Retry(ctx, f.of); err != nil {
			return nil, err
		}
		done.Retried++
	}
	if found {
		return done, nil
	}
	return h.retryFailure(ctx, key)
}

// retryFailure rewrites the items that a kept payload speaks of. What it holds is
// older than what is stored; it only says which they are.
func (h *handler) retryFailure(ctx context.Context, name string) (*Retried, error) {
	keys, err := h.failureKeys(ctx, name)
	if err != nil {
		return nil, err
	}
	done := &Retried{}
	for _, key := range keys {
		items, err := h.Store.Get(ctx, flow.Strong, key)
		if err != nil {
			return nil, err
		}
		if items[0] == nil {
			done.Gone++
			continue
		}
		if err := h.faults.Retry(ctx, key); err != nil {
			return nil, err
		}
		done.Retried++
	}
	return done, nil
}

var errNoFault = events.Refuse(events.NotFound, "key", "is neither a fault nor a kept payload (kesher faults lists both)")

func (h *handler) failureKeys(ctx context.Context, name string) ([]item.Key, error) {
	if h.Failures == nil {
		return nil, errNoFault
	}
	list, err := h.Failures.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, f := range list {
		if f.Name == name {
			object, err := h.Failures.Read(ctx, name)
			if err != nil {
				return nil, err
			}
			return keysOf(object)
		}
	}
	return nil, errNoFault
}

// keysOf are the items in a kept payload, each once, as they came.
func keysOf(object []byte) ([]item.Key, error) {
	var kept struct {
		Payload string `json:"payload"`
	}
	err := json.Unmarshal(object, &kept)
	if err != nil || kept.Payload == "" {
		return nil, events.Refuse(events.InvalidField, "key", "is a payload of no stream: it can't be tried again from here")
	}
	stream, err := events.ReadStream([]byte(kept.Payload))
	if err != nil {
		return nil, err
	}
	var keys []item.Key
	seen := map[item.Key]bool{}
	for _, record := range stream.Records {
		names := record.DynamoDB.Keys
		key := item.Key{Table: item.Customers, PK: names["pk"].Text, SK: names["sk"].Text}
		if !seen[key] {
			seen[key] = true
			keys = append(keys, key)
		}
	}
	return keys, nil
}
