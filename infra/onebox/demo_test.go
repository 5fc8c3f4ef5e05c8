package onebox_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kesher-io/kesher/infra/onebox"
)

// What a newcomer sees: the demo plays, says what was sent and what was not, the
// mails can be read at the addresses it names, and ends when told to.
func TestTheDemoTellsWhatHappenedAndItsMailsCanBeRead(t *testing.T) {
	told, stop := serves(t, t.TempDir(), "kesher: demo done")
	defer stop()
	all := strings.Join(told, "\n")
	for _, want := range []string{"kesher: published the example catalog", "kesher: ready http://127.0.0.1:", "entered cart-abandonment", "NOT SENT", "no consent", "left cart-abandonment", "Product Added not taken: not_permitted: event has no purpose that is permitted", "kesher: times are UTC"} {
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
}

// The demo plays once; a later start says where things stand.
func TestASecondStartPlaysTheDemoNoMoreAndSaysSo(t *testing.T) {
	data := t.TempDir()
	_, stop := serves(t, data, "kesher: demo done")
	stop()
	told, stop := serves(t, data, "kesher: see ")
	defer stop()
	all := strings.Join(told, "\n")
	if !strings.Contains(all, "kesher: the demo was played before") || strings.Contains(all, "entered") {
		t.Errorf("a second start tells\n%s", all)
	}
}

// serves runs the demo until it has told a line that begins with last, and then
// goes on serving. stop ends it, as a signal does.
func serves(t *testing.T, data, last string) (told []string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := onebox.Run(ctx, onebox.Config{Data: data, Demo: true}, in, os.Stderr)
		in.CloseWithError(io.EOF)
		ended <- err
	}()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		told = append(told, lines.Text())
		if strings.HasPrefix(lines.Text(), last) {
			break
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // whatever comes after; the pipe must not block
	return told, sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("told to stop it says %v", err)
			}
		case <-time.After(time.Minute):
			t.Error("it does not stop")
		}
	})
}
