package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kesher-io/kesher/infra/onebox"
	"github.com/kesher-io/kesher/shared/console"
)

// target is which stage a verb speaks to: every one through the same admin API.
type target struct {
	Target string `help:"aws:STAGE; without it the instance of this machine, or its data folder when none runs." placeholder:"aws:STAGE"`
	Data   string `env:"DATA" default:".kesher" help:"Data folder of this machine's instance (default .kesher)." placeholder:"DIR"`
}

// output is how a verb prints data.
type output struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// client speaks to the admin API of one stage.
type client struct {
	http  *http.Client
	base  string
	token string
	close func() error
	// local: the stage is this machine's.
	local bool
}

// connect finds the target. catalog is what a data folder that is still empty
// begins with; "" refuses an empty one.
func (t *target) connect(s *session, catalog string) (*client, error) {
	if stage, ok := strings.CutPrefix(t.Target, "aws:"); ok && stage != "" {
		return connectAWS(s, stage)
	}
	if t.Target != "" {
		return nil, usagef("--target %q: write aws:STAGE, or leave it out for this machine", t.Target)
	}
	if c := t.running(s); c != nil {
		return c, nil
	}
	return t.open(s, catalog)
}

// running is the instance that serves this data folder now; nil if none does.
func (t *target) running(ctx context.Context) *client {
	text, err := os.ReadFile(filepath.Join(t.Data, onebox.InstanceFile))
	if err != nil {
		return nil
	}
	var i onebox.Instance
	if json.Unmarshal(text, &i) != nil {
		return nil
	}
	c := &client{http: http.DefaultClient, base: i.Address, token: i.Token, close: func() error { return nil }, local: true}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/healthz", nil)
	if err != nil {
		return nil
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil // a killed instance has left its file
	}
	answer.Body.Close()
	return c
}

// open opens the data folder in this process, through the same handler.
func (t *target) open(s *session, catalog string) (*client, error) {
	if _, err := os.Stat(filepath.Join(t.Data, "store")); errors.Is(err, os.ErrNotExist) && catalog == "" {
		return nil, fmt.Errorf("no instance runs here, and %s holds no data (kesher run starts one; --data DIR names another folder)", t.Data)
	}
	log := slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	box, err := onebox.Open(s, onebox.Config{Data: t.Data, Catalog: catalog}, "http://127.0.0.1", io.Discard, log)
	if err != nil {
		return nil, err
	}
	h, token := box.Admin()
	return &client{
		http: &http.Client{Transport: inProcess{h}}, base: "http://127.0.0.1", token: token, close: box.Close, local: true,
	}, nil
}

// apiError is an answer of the admin API that says no.
type apiError struct {
	status int
	console.Failed
}

func (e *apiError) Error() string {
	text := e.Failed.Error.Message
	if field := e.Failed.Error.Field; field != "" {
		text = field + " " + text
	}
	if text == "" {
		return fmt.Sprintf("the console answered %d", e.status)
	}
	return text
}

// call sends v as JSON (nil: no body) and returns the answer.
func (c *client) call(ctx context.Context, method, path string, v any) (json.RawMessage, error) {
	var body []byte
	if v != nil {
		var err error
		if body, err = json.Marshal(v); err != nil {
			return nil, err
		}
	}
	return c.send(ctx, method, path, "application/json", body)
}

func (c *client) send(ctx context.Context, method, path, contentType string, body []byte) (json.RawMessage, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	r.Header.Set("Content-Type", contentType)
	answer, err := c.http.Do(r)
	if err != nil {
		var refused *net.OpError
		if errors.As(err, &refused) {
			return nil, fmt.Errorf("the instance at %s does not answer: %w", c.base, err)
		}
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		failed := &apiError{status: answer.StatusCode}
		_ = json.Unmarshal(text, &failed.Failed) // another shape leaves the status to tell
		return nil, failed
	}
	return bytes.TrimSpace(text), nil
}

// inProcess serves requests by a handler instead of a network.
type inProcess struct{ handler http.Handler }

// RoundTrip serves one request.
func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := &memory{header: http.Header{}}
	r.Host = r.URL.Host
	r.RemoteAddr = "127.0.0.1:0"
	t.handler.ServeHTTP(w, r)
	return &http.Response{
		StatusCode: max(w.status, http.StatusOK), Header: w.header, Body: io.NopCloser(&w.body), Request: r,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}

// memory is the http.ResponseWriter of one such request.
type memory struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *memory) Header() http.Header { return w.header }

func (w *memory) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *memory) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}
