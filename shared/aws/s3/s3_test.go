package s3

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

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
	for _, part := range []string{"/failures/?", "list-type=2", "max-keys=10", "start-after=aws%2Flambda%2F0"} {
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

// The example of the S3 API reference, "Signature calculations for the
// Authorization header", GET Bucket (List Objects).
func TestARequestIsSignedAsAWSSigns(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J", nil)
	credentials := aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
	if err := sign(r, credentials, "us-east-1", time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	const want = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
	if got := r.Header.Get("Authorization"); !strings.HasSuffix(got, "Signature="+want) {
		t.Fatalf("got %s", got)
	}
}

func TestAKeyStandsInThePathAsItIs(t *testing.T) {
	s := wire.Serve(t, wire.Always(wire.Answer{Body: "{}"}))
	if _, err := NewFailures(s.Config(), "failures").Read(t.Context(), "a/b c+d:é/2026"); err != nil {
		t.Fatal(err)
	}
	if got := s.Requests()[0].Path; got != "/failures/a/b%20c%2Bd%3A%C3%A9/2026" {
		t.Fatalf("asked for %s", got)
	}
}

func TestABucketHasAnAddressOfItsOwn(t *testing.T) {
	f := NewFailures(aws.Config{Region: "eu-west-1"}, "kesher-failures-1")
	if f.bucket != "https://kesher-failures-1.s3.eu-west-1.amazonaws.com" {
		t.Fatalf("got %s", f.bucket)
	}
}

func TestReadRefusesWhatNoFailureCanBe(t *testing.T) {
	s := wire.Serve(t, wire.Always(wire.Answer{Body: strings.Repeat("x", maxAnswer+1)}))
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
