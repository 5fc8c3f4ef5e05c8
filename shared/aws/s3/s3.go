// Package s3 reads the failure bucket: the payloads that Lambda put aside when
// a stream's record outlived its attempts. It knows how to list and read
// objects, not what a payload means.
package s3

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Failures is safe for concurrent use.
type Failures struct {
	client *s3.Client
	bucket string
}

// NewFailures returns the failures in a bucket.
func NewFailures(cfg aws.Config, bucket string) *Failures {
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = o.BaseEndpoint != nil // an emulator has no name per bucket
	})
	return &Failures{client: client, bucket: bucket}
}

// Failure is one object.
type Failure struct {
	Key  string
	At   time.Time
	Size int64
}

// List lists up to limit failures whose keys come after the given one.
func (f *Failures) List(ctx context.Context, after string, limit int) ([]Failure, error) {
	in := &s3.ListObjectsV2Input{Bucket: &f.bucket, MaxKeys: aws.Int32(int32(limit))}
	if after != "" {
		in.StartAfter = &after
	}
	out, err := f.client.ListObjectsV2(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("list failures: %w", err)
	}
	failures := make([]Failure, len(out.Contents))
	for i, o := range out.Contents {
		failures[i] = Failure{Key: aws.ToString(o.Key), At: aws.ToTime(o.LastModified), Size: aws.ToInt64(o.Size)}
	}
	return failures, nil
}

// maxPayload bounds what Read takes: Lambda's payloads have at most 6 MB (Lambda
// quotas), the rest is the envelope it puts around a failed one.
const maxPayload = 8 << 20

// Read reads the payload of one failure.
func (f *Failures) Read(ctx context.Context, key string) ([]byte, error) {
	out, err := f.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &f.bucket, Key: &key})
	if err != nil {
		return nil, fmt.Errorf("read failure: %w", err)
	}
	defer out.Body.Close()
	payload, err := io.ReadAll(io.LimitReader(out.Body, maxPayload+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read failure: %w", err)
	case len(payload) > maxPayload:
		return nil, fmt.Errorf("failure %s is larger than %d bytes", key, maxPayload)
	}
	return payload, nil
}
