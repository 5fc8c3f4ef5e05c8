package collect

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/kesher-io/kesher/events"
)

var errTooLarge = errors.New("too large")

// read takes in a body, inflating it if it is gzip. The limit holds before and
// after, so that a small body can't become a large one.
func read(r *http.Request) ([]byte, *events.Refusal) {
	b, err := limited(r.Body)
	if err == nil && strings.EqualFold(strings.TrimSpace(r.Header.Get("Content-Encoding")), "gzip") {
		b, err = inflate(b)
	}
	switch {
	case errors.Is(err, errTooLarge):
		return nil, events.Refuse(events.TooLarge, "", "has more than %d bytes, before or after inflating", events.MaxBody)
	case err != nil:
		return nil, events.Refuse(events.InvalidJSON, "", "can't be read")
	}
	return b, nil
}

func limited(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, events.MaxBody+1))
	if err == nil && len(b) > events.MaxBody {
		err = errTooLarge
	}
	return b, err
}

// inflate reads gzip, which some relays wrap in base64 on its way through APIs
// that carry text.
func inflate(b []byte) ([]byte, error) {
	if !bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		raw, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(b)))
		if err != nil {
			return nil, err
		}
		b = raw
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return limited(z)
}

// writeKey finds the key in a body, as browsers and analytics-node 2 send it. It
// reads no further than that: the body is judged afterwards.
func writeKey(b []byte) string {
	var body struct {
		WriteKey string `json:"writeKey"`
	}
	_ = json.Unmarshal(b, &body) // what is no JSON holds no key
	return body.WriteKey
}
