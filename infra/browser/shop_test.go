// Package browser looks at what Kesher shows people, as they do: one machine
// serves the demo's shop, and Chromium opens its pages, console and mailbox.
package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/infra/onebox"
)

// shop is a running machine.
type shop struct {
	t     *testing.T
	url   string
	lines chan string // what it tells
}

// open serves the example's shop, perhaps after its demo.
func open(t *testing.T, demo bool) *shop {
	t.Helper()
	s := serve(t, onebox.Config{Data: t.TempDir(), Demo: demo})
	if demo {
		s.told("kesher: demo done")
	}
	return s
}

func serve(t *testing.T, config onebox.Config) *shop {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	out, in := io.Pipe()
	s := &shop{t: t, lines: make(chan string, 10_000)} // more than all the tests make it say
	ended := make(chan error, 1)
	go func() {
		err := onebox.Run(ctx, config, in, os.Stderr)
		in.Close()
		ended <- err
	}()
	go func() {
		defer close(s.lines)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			s.lines <- lines.Text()
		}
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	_, s.url, _ = strings.Cut(s.told("kesher: ready "), "kesher: ready ")
	return s
}

// told is the next line that tells of something.
func (s *shop) told(what string) string {
	s.t.Helper()
	late := time.After(30 * time.Second)
	for {
		select {
		case line, ok := <-s.lines:
			if !ok {
				s.t.Fatalf("it ended, and told nothing of %q", what)
			}
			if strings.Contains(line, what) {
				return line
			}
		case <-late:
			s.t.Fatalf("it tells nothing of %q", what)
		}
	}
}

// say makes a call with the server key and gives the answer.
func (s *shop) say(path, body string) string {
	s.t.Helper()
	return s.sayBy(onebox.DefaultServerKey, path, body)
}

func (s *shop) sayBy(key, path, body string) string {
	s.t.Helper()
	request, err := http.NewRequest(http.MethodPost, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.SetBasicAuth(key, "")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK || strings.Contains(string(text), "rejected") {
		s.t.Fatalf("%s %s: %s %s", path, body, answer.Status, text)
	}
	return string(text)
}

// lives makes somebody known who permits everything.
func (s *shop) lives(user, name, locale string) {
	s.t.Helper()
	call := func(path string, body map[string]any) {
		text, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		s.say(path, string(text))
	}
	call("/v1/identify", map[string]any{
		"userId": user, "traits": map[string]any{"email": address(user), "first_name": name}, "context": map[string]any{"locale": locale},
	})
	for _, permission := range []map[string]any{{"purpose": "marketing", "channel": "email"}, {"purpose": "personalization"}, {"purpose": "tracking"}} {
		permission["userId"], permission["state"], permission["notice"] = user, "granted", "newsletter"
		if permission["purpose"] == "tracking" {
			delete(permission, "notice")
			permission["evidence"] = map[string]any{"basis": "consent", "source": "this test"}
		}
		call("/v1/consents", permission)
	}
}

func address(user string) string { return user + "@customer.example" }

// mail is one of the mailbox.
type mail struct {
	ID, To, Subject, HTML, Journey, Step string
	Links                                []string
}

// lang is the language that its HTML says it is in.
func (m mail) lang() string {
	_, after, _ := strings.Cut(m.HTML, ` lang="`)
	lang, _, _ := strings.Cut(after, `"`)
	return lang
}

func (s *shop) mails(query string) []mail {
	s.t.Helper()
	answer, err := http.Get(s.url + "/mailbox/messages?limit=1000&" + query)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	var list []mail
	if err := json.NewDecoder(answer.Body).Decode(&list); err != nil {
		s.t.Fatal(err)
	}
	return list
}

// link is the address in a mail that leads to a kind of page, such as /u/.
func (m mail) link(path string) string {
	for _, l := range m.Links {
		if strings.Contains(l, path) {
			return l
		}
	}
	return ""
}
