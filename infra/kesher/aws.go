package main

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/aws/httpapi"
	"github.com/kesher-io/kesher/shared/aws/stage"
	"github.com/kesher-io/kesher/shared/console"
)

// connectAWS reaches a stage's console function by invoking it with the very
// bytes that the HTTP API would send: who may do so (lambda:InvokeFunction, and
// ssm:GetParameter to find it) needs no token.
func connectAWS(s *session, name string) (*client, error) {
	cfg, err := stage.Config(s)
	if err != nil {
		return nil, err
	}
	function, err := stage.Console(s, cfg, name)
	if err != nil {
		return nil, err
	}
	return &client{
		http: &http.Client{Transport: inProcess{httpapi.Gateway(telling(function.Invoke))}},
		base: "https://console", close: func() error { return nil },
	}, nil
}

// telling answers an invocation that failed with its reason, which the HTTP API
// would keep to itself.
func telling(invoke httpapi.Invoke) httpapi.Invoke {
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		answer, err := invoke(ctx, payload)
		if err == nil {
			return answer, nil
		}
		body, err := json.Marshal(console.Failed{Error: *events.Refuse(events.Unavailable, "", "%s", err.Error())})
		if err != nil {
			return nil, err
		}
		return json.Marshal(map[string]any{"statusCode": http.StatusBadGateway, "body": string(body)})
	}
}
