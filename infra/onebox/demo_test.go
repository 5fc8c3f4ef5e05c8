package onebox_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/infra/onebox"
)

// What a newcomer sees: the demo plays, says what was sent and what was not, the
// mails can be read at the addresses it names, and ends when told to.
func TestTheDemoTellsWhatHappenedAndItsMailsCanBeRead(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := onebox.Run(ctx, onebox.Config{Data: t.TempDir(), Demo: true}, in, os.Stderr)
		in.CloseWithError(io.EOF)
		ended <- err
	}()
	var told []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		told = append(told, lines.Text())
		if lines.Text() == "kesher: demo done" {
			break
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // whatever comes after; the pipe must not block
	all := strings.Join(told, "\n")
	for _, want := range []string{"kesher: published the example catalog", "kesher: ready http://127.0.0.1:", "entered cart-abandonment", "NOT SENT", "no consent", "left cart-abandonment", "not taken: not_permitted"} {
		if !strings.Contains(all, want) {
			t.Errorf("nothing told of %q", want)
		}
	}
	read := 0
	for _, line := range told {
		if _, address, ok := strings.Cut(line, "): http://"); ok && strings.Contains(line, " SENT ") {
			read++
			resp, err := http.Get("http://" + address)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("%s: %s", address, resp.Status)
			}
		}
	}
	if read < 20 {
		t.Errorf("%d mails", read)
	}
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("told to stop it says %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it does not stop")
	}
}
