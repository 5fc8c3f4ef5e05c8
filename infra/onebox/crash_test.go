package onebox_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/infra/onebox"
)

// childEnv makes the test binary play a file instead of testing: a process that
// can be killed.
const childEnv = "KESHER_TEST_PLAY"

func TestMain(m *testing.M) {
	if file := os.Getenv(childEnv); file != "" {
		err := onebox.Run(context.Background(), onebox.Config{
			Data: filepath.Join(filepath.Dir(file), "data"), Catalog: "testdata/cart", EventClock: true, Play: file, ExitWhenIdle: true,
		}, os.Stdout, os.Stderr)
		if err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Killed at 50 instants while it plays 20,000 calls, and started again each
// time: the report is the undisturbed one. Nothing is lost, nothing unknown, no
// message leaves twice.
func TestKilledAtAnyInstantNothingIsLostAndNothingDoubled(t *testing.T) {
	kills, calls := 50, 20000
	if testing.Short() {
		kills, calls = 5, 4000
	}
	h := newHistory(42, 500)
	h.build(calls)
	file := filepath.Join(t.TempDir(), "history.ndjson")
	if err := os.WriteFile(file, h.lines.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	killed := 0
	for killed < kills {
		// Late kills come too late at the end of the file: then the next are early.
		out, alive := playAndKill(t, file, time.Duration(rng.IntN(250))*time.Millisecond)
		if alive {
			t.Logf("the play ended after %d kills", killed)
			compare(t, out, h)
			return
		}
		killed++
	}
	out, _ := playAndKill(t, file, time.Hour)
	compare(t, out, h)
}

func compare(t *testing.T, out string, h *history) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	want, err := json.Marshal(h.want)
	if err != nil {
		t.Fatal(err)
	}
	if got := lines[len(lines)-1]; got != string(want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// playAndKill plays the file in a process of its own and kills it so long after
// it is ready, unless it has ended by then.
func playAndKill(t *testing.T, file string, after time.Duration) (out string, ended bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+file)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, 1<<20)
	var timer *time.Timer
	for lines.Scan() {
		text.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), "kesher: ready") {
			timer = time.AfterFunc(after, func() { _ = cmd.Process.Kill() }) // it may have ended by itself
		}
	}
	if timer != nil {
		timer.Stop()
	}
	err = cmd.Wait()
	if err == nil {
		return text.String(), true
	}
	if cmd.ProcessState.ExitCode() != -1 { // not by our signal
		t.Fatalf("%v\n%s%s", err, text.String(), errs.String())
	}
	return text.String(), false
}
