package s3

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/aws/internal/wire"
)

const listing = `<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>failures</Name><KeyCount>1</KeyCount><MaxKeys>10</MaxKeys>
<IsTruncated>false</IsTruncated><Contents><Key>aws/lambda/1/shard/2026/11/24/x</Key><LastModified>2026-11-24T09:00:00.000Z</LastModified>
<Size>17</Size></Contents></ListBucketResult>`

func TestListShowsWhatComesAfterAKey(t *testing.T) {
	s := wire.Serve(t, wire.Always(wire.Answer{Header: http.Header{"Content-Type": {"application/xml"}}, Body: listing}))
	got, err := NewFailures(s.Config(), "failures").List(t.Context(), "aws/lambda/0", 10)
	want := Failure{Key: "aws/lambda/1/shard/2026/11/24/x", At: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), Size: 17}
	if err != nil || len(got) != 1 || got[0] != want {
		t.Fatalf("got %+v, %v", got, err)
	}
	asked := s.Requests()[0].Path
	for _, part := range []string{"/failures?", "list-type=2", "max-keys=10", "start-after=aws%2Flambda%2F0"} {
		if !strings.Contains(asked, part) {
			t.Errorf("%s lacks %s", asked, part)
		}
	}
}

func TestReadGivesThePayload(t *testing.T) {
	s := wire.Serve(t, wire.Always(wire.Answer{Body: `{"Records":[]}`}))
	got, err := NewFailures(s.Config(), "failures").Read(t.Context(), "aws/lambda/1")
	if err != nil || string(got) != `{"Records":[]}` {
		t.Fatalf("got %s, %v", got, err)
	}
	if asked := s.Requests()[0]; asked.Method != "GET" || !strings.HasPrefix(asked.Path, "/failures/aws/lambda/1") {
		t.Fatalf("asked %s %s", asked.Method, asked.Path)
	}
}

func TestReadRefusesWhatNoFailureCanBe(t *testing.T) {
	s := wire.Serve(t, wire.Always(wire.Answer{Body: strings.Repeat("x", maxPayload+1)}))
	if _, err := NewFailures(s.Config(), "failures").Read(t.Context(), "k"); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Fatalf("got %v", err)
	}
}

func TestMissingFailureIsAnError(t *testing.T) {
	s := wire.Serve(t, wire.Always(wire.Answer{Status: 404, Body: `<Error><Code>NoSuchKey</Code></Error>`}))
	if _, err := NewFailures(s.Config(), "failures").Read(t.Context(), "k"); err == nil || !strings.Contains(err.Error(), "NoSuchKey") {
		t.Fatalf("got %v", err)
	}
}
