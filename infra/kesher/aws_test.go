package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/shared/aws/httpapi"
)

// stageOf is the admin API of a stage, reached by invoking its function.
func stageOf(invoke httpapi.Invoke) *client {
	return &client{http: &http.Client{Transport: inProcess{httpapi.Gateway(telling(invoke))}}, base: "https://console"}
}

func TestAStageIsAskedThroughTheBytesOfTheHTTPAPI(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"path": r.URL.Path, "method": r.Method})
	})
	answer, err := stageOf(httpapi.Handle(h)).call(t.Context(), http.MethodPost, "/admin/v1/explain", map[string]string{"userId": "dana"})
	if err != nil || string(answer) != `{"method":"POST","path":"/admin/v1/explain"}` {
		t.Fatalf("got %s, %v", answer, err)
	}
}

func TestAnInvocationThatFailsSaysWhy(t *testing.T) {
	failing := func(context.Context, []byte) ([]byte, error) {
		return nil, errors.New("not authorized to perform lambda:InvokeFunction")
	}
	_, err := stageOf(failing).call(t.Context(), http.MethodGet, "/admin/v1/status", nil)
	if err == nil || !strings.Contains(err.Error(), "lambda:InvokeFunction") {
		t.Fatalf("got %v", err)
	}
}
