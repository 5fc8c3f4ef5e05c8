package pump

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kesher-io/kesher/shared/local/embedded"
)

// Failure is a batch that was given up, as it lies in its file: the shape of what
// Lambda writes to a failure bucket (Lambda developer guide, "Retain discarded
// records for a DynamoDB event source in Lambda"). The payload holds personal
// data; so the files are readable by their owner alone.
type Failure struct {
	Version        string         `json:"version"`
	Timestamp      time.Time      `json:"timestamp"`
	RequestContext RequestContext `json:"requestContext"`
	BatchInfo      BatchInfo      `json:"DDBStreamBatchInfo"`
	Payload        string         `json:"payload"` // the event, fit to be delivered again
}

// RequestContext says whose batch it was and why it was given up.
type RequestContext struct {
	Function string `json:"functionArn"`
	// Condition is RetryAttemptsExhausted or RecordAgeExceeded.
	Condition   string `json:"condition"`
	InvokeCount int    `json:"approximateInvokeCount"`
}

// BatchInfo says which records it held.
type BatchInfo struct {
	StartSequenceNumber string    `json:"startSequenceNumber"`
	EndSequenceNumber   string    `json:"endSequenceNumber"`
	FirstArrival        time.Time `json:"approximateArrivalOfFirstRecord"`
	LastArrival         time.Time `json:"approximateArrivalOfLastRecord"`
	BatchSize           int       `json:"batchSize"`
	Stream              string    `json:"streamArn"`
}

func writeFailure(dir, consumer, reason string, b batch) (path string, err error) {
	first, last := b.entries[0], b.entries[len(b.entries)-1]
	content, err := json.MarshalIndent(Failure{
		Version:        "1.0",
		Timestamp:      time.Now().UTC(),
		RequestContext: RequestContext{Function: consumer, Condition: reason, InvokeCount: b.tries},
		BatchInfo: BatchInfo{
			StartSequenceNumber: embedded.Sequence(first.n), EndSequenceNumber: embedded.Sequence(last.n),
			FirstArrival: first.at, LastArrival: last.at, BatchSize: len(b.entries), Stream: arn,
		},
		Payload: string(payloadOf(b.entries)),
	}, "", "  ")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	path = filepath.Join(dir, fmt.Sprintf("%s-%s-%s.json", consumer, embedded.Sequence(first.n), embedded.Sequence(last.n)))
	return path, writeDurably(path, content)
}

// writeDurably leaves the whole file or none, also after a power cut.
func writeDurably(path string, content []byte) error {
	draft := path + ".draft"
	f, err := os.OpenFile(draft, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(draft, path)
}

// Failures are the names of the files of a failures folder, oldest change first.
func Failures(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".json" {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, err
}

// ReadFailure reads one of the files.
func ReadFailure(dir, name string) (Failure, error) {
	var f Failure
	content, err := os.ReadFile(filepath.Join(dir, filepath.Base(name)))
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(content, &f); err != nil {
		return f, fmt.Errorf("failure %s: %w", name, err)
	}
	return f, nil
}
