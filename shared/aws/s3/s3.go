// Package s3 reads the failure bucket: the payloads that Lambda put aside when
// a stream's record outlived its attempts. It knows how to list and read
// objects, not what a payload means.
//
// It speaks S3's REST API itself, signed by the SDK's signer: the SDK's client
// of S3 would make the console's function 6 MB larger, a third of it, for two
// requests that a person makes now and then. Who gets an error asks again.
package s3

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Failures is safe for concurrent use.
type Failures struct {
	cfg    aws.Config
	client *http.Client
	bucket string // its address
}

// timeout of one request; a payload of 8 MB takes a fraction of it.
const timeout = 20 * time.Second

// NewFailures returns the failures in a bucket. An emulator, which is reached by
// an endpoint of its own, has no name per bucket.
func NewFailures(cfg aws.Config, bucket string) *Failures {
	address := "https://" + bucket + ".s3." + cfg.Region + ".amazonaws.com"
	if cfg.BaseEndpoint != nil {
		address = *cfg.BaseEndpoint + "/" + bucket
	}
	return &Failures{cfg: cfg, client: &http.Client{Timeout: timeout}, bucket: address}
}

// Failure is one object.
type Failure struct {
	Key  string
	At   time.Time
	Size int64
}

// List lists up to limit failures whose keys come after the given one (S3 API
// reference, "ListObjectsV2").
func (f *Failures) List(ctx context.Context, after string, limit int) ([]Failure, error) {
	query := url.Values{"list-type": {"2"}, "max-keys": {strconv.Itoa(limit)}}
	if after != "" {
		query.Set("start-after", after)
	}
	text, err := f.get(ctx, "?"+query.Encode())
	if err != nil {
		return nil, fmt.Errorf("list failures: %w", err)
	}
	var answer struct {
		Contents []struct {
			Key          string
			LastModified time.Time
			Size         int64
		}
	}
	if err := xml.Unmarshal(text, &answer); err != nil {
		return nil, fmt.Errorf("list failures: %w", err)
	}
	failures := make([]Failure, len(answer.Contents))
	for i, o := range answer.Contents {
		failures[i] = Failure{Key: o.Key, At: o.LastModified, Size: o.Size}
	}
	return failures, nil
}

// Read reads the payload of one failure (S3 API reference, "GetObject").
func (f *Failures) Read(ctx context.Context, key string) ([]byte, error) {
	payload, err := f.get(ctx, escape(key))
	if err != nil {
		return nil, fmt.Errorf("read failure: %w", err)
	}
	return payload, nil
}

// escape is a key as a path: segment by segment, as S3 signs it.
func escape(key string) string {
	segments := strings.Split(key, "/")
	for i, s := range segments {
		segments[i] = strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	}
	return strings.Join(segments, "/")
}

// maxAnswer bounds what is taken in: Lambda's payloads have at most 6 MB (Lambda
// quotas), the rest is the envelope it puts around a failed one.
const maxAnswer = 8 << 20

func (f *Failures) get(ctx context.Context, target string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.bucket+"/"+target, nil)
	if err != nil {
		return nil, err
	}
	credentials, err := f.cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	if err := sign(r, credentials, f.cfg.Region, time.Now()); err != nil {
		return nil, err
	}
	response, err := f.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case response.StatusCode != http.StatusOK:
		return nil, refusal(response.StatusCode, body)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("the answer is larger than %d bytes", maxAnswer)
	}
	return body, nil
}

// sign signs a request without a body by Signature Version 4, as S3 takes it: a
// path is not escaped once more, and the body's hash is a header.
func sign(r *http.Request, credentials aws.Credentials, region string, at time.Time) error {
	const ofNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	r.Header.Set("X-Amz-Content-Sha256", ofNothing)
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	return signer.SignHTTP(r.Context(), credentials, r, ofNothing, "s3", region, at)
}

// refusal is S3's own word for what is wrong (S3 API reference, "Error responses").
func refusal(status int, body []byte) error {
	var e struct{ Code, Message string }
	if xml.Unmarshal(body, &e) != nil || e.Code == "" {
		return fmt.Errorf("S3 answered %d", status)
	}
	return fmt.Errorf("S3 answered %d %s: %s", status, e.Code, e.Message)
}
