package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/kesher-io/kesher/events"
	collectfn "github.com/kesher-io/kesher/functions/collect"
	feedbackfn "github.com/kesher-io/kesher/functions/feedback"
	pagesfn "github.com/kesher-io/kesher/functions/pages"
	"github.com/kesher-io/kesher/shared/aws/httpapi"
	"github.com/kesher-io/kesher/shared/aws/streams"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow/collect"
	"github.com/kesher-io/kesher/shared/flow/delivery"
)

// One history in twenty goes through the bytes that Lambda gets and answers: stream
// events with partial batch responses, HTTP API payloads, EventBridge events; and
// through the shipped example's template, in MJML.
const bytesOneIn = 20

// functions are an instance's handlers as Lambda calls them.
type functions struct {
	collect, pages             http.Handler
	journey, deliver, feedback httpapi.Invoke
}

func (i *instance) functions() *functions {
	if i.byBytes == nil {
		i.byBytes = &functions{
			collect:  httpapi.Gateway(httpapi.Handle(collectfn.New(collectfn.Config{Flow: i.collect, PublicKey: string(collect.Public), ServerKey: string(collect.Server), Base: base, Log: quiet}))),
			pages:    httpapi.Gateway(httpapi.Handle(pagesfn.New(i.prefs, base, quiet))),
			journey:  streams.Handler(i.journey.Work, streams.Options{Done: i.journey.Done}),
			deliver:  streams.Handler(i.deliver.Work, streams.Options{}),
			feedback: (&feedbackfn.Handler{Flow: i.feedback, Metrics: &ports{i}, Log: quiet}).Handle,
		}
	}
	return i.byBytes
}

const base = "https://m.shop.example"

// record hands one record to a consumer's function and reads its answer as Lambda
// does.
func (i *instance) record(ctx context.Context, c delivery.Consumer, change item.Change) error {
	invoke := i.functions().journey
	if c == delivery.Deliver {
		invoke = i.functions().deliver
	}
	batch := events.StreamEvent{Records: []events.StreamRecord{delivery.RecordOf(change, i.w.now)}}
	answer, err := invoke(ctx, batch.Append(nil))
	if err != nil {
		return err
	}
	var r events.StreamResponse
	if err := json.Unmarshal(answer, &r); err != nil || r.BatchItemFailures == nil {
		i.w.violate(i.task.about, "%s answers %s: a batch of which nothing is known", i.task.name, answer)
		return nil
	}
	if len(r.BatchItemFailures) > 0 {
		return fmt.Errorf("record %s is to come again", r.BatchItemFailures[0].ItemIdentifier)
	}
	return nil
}

// post makes one HTTP request; only an answer that asks to come back is an error.
func (i *instance) post(ctx context.Context, h http.Handler, path, contentType, key string, body []byte) error {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, path, bytes.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.SetBasicAuth(key, "")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code >= 500 || w.Code == http.StatusTooManyRequests {
		return fmt.Errorf("%s: status %d", path, w.Code)
	}
	if w.Code == http.StatusUnauthorized || w.Code == http.StatusNotFound {
		i.w.violate(i.task.about, "POST %s: status %d %s", path, w.Code, w.Body)
	}
	return nil
}

func (i *instance) postJSON(ctx context.Context, path string, body any, from collect.Source) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return i.post(ctx, i.functions().collect, path, "application/json", string(from.Kind), text)
}

// postForm is what a page of the customers sends.
func (i *instance) postForm(ctx context.Context, path, fields string) error {
	return i.post(ctx, i.functions().pages, path, "application/x-www-form-urlencoded", "", []byte(fields))
}

// press is a one-click unsubscribe (RFC 8058).
func (i *instance) press(ctx context.Context, text string) error {
	return i.postForm(ctx, token.PathUnsubscribe+text, "List-Unsubscribe=One-Click")
}
