// Package transport is the HTTP client under every AWS client of ours. It mends
// one thing that would otherwise lose replies, and knows no service.
//
// The SDK closes a request's body as soon as the reply's headers are in, which
// may be before net/http has looked for the body's end. For bodies in memory
// smithy-go (v1.28.9, transport/http/internal/io) then answers WriteTo with
// io.EOF, against io.WriterTo's contract; net/http takes that for a broken
// request and closes the connection under the reply. On a busy machine about
// one reply in 1,000 was lost so, each an accepted mail of unknown outcome. Read, which
// smithy-go answers rightly, is what remains here.
package transport

import (
	"io"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// New returns a client like the SDK's own. It is safe for concurrent use.
func New() *http.Client { return Over(awshttp.NewBuildableClient()) }

// Over returns a client like the given one, which may have been told more: a
// company's own certificates (AWS_CA_BUNDLE), a proxy.
func Over(client *awshttp.BuildableClient) *http.Client {
	return &http.Client{
		Transport: Mend(client.GetTransport()),
		// As the SDK has it: a redirect is an answer like any other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Mend returns next, handed bodies that can only be read.
func Mend(next http.RoundTripper) http.RoundTripper { return mended{next} }

type mended struct{ next http.RoundTripper }

func (m mended) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, ok := r.Body.(io.WriterTo); ok {
		r = r.Clone(r.Context()) // a RoundTripper does not change its request
		r.Body = readOnly{r.Body}
	}
	return m.next.RoundTrip(r)
}

// readOnly hides every method of a body but two.
type readOnly struct{ body io.ReadCloser }

func (b readOnly) Read(p []byte) (int, error) { return b.body.Read(p) }
func (b readOnly) Close() error               { return b.body.Close() }
