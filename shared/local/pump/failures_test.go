package pump

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var errBroken = errors.New("broken")

// once answers the first call with an answer, and every other with success.
func once(answer func(call) (string, error)) func(context.Context, call) (string, error) {
	answered := false
	return func(_ context.Context, c call) (string, error) {
		if answered {
			return "", nil
		}
		answered = true
		return answer(c)
	}
}

// deliverFour delivers four records of one shard in one batch.
func deliverFour(t *testing.T, f *function, m Mapping, opts Options) (*memoryLog, *Pump) {
	t.Helper()
	log := newLog()
	for n := range 4 {
		log.add("a", fmt.Sprint(n+1))
	}
	m.Window = time.Second
	p := start(t, log, f, m, opts)
	return log, p
}

func TestAnswersThatMeanSuccess(t *testing.T) {
	for _, answer := range []string{``, `null`, `{}`, `{"batchItemFailures":null}`, `{"batchItemFailures":[]}`, `{"other":1}`} {
		t.Run(answer, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := &function{answer: once(func(call) (string, error) { return answer, nil })}
				log, p := deliverFour(t, f, Mapping{}, Options{})
				drain(t, p)
				wantSeen(t, f, "1 2 3 4")
				wantPosition(t, log, 4)
			})
		})
	}
}

func TestAnswersThatFailTheWholeBatch(t *testing.T) {
	cases := map[string]func(call) (string, error){
		"a function error":        func(call) (string, error) { return `{"batchItemFailures":[]}`, errBroken },
		"a panic":                 func(call) (string, error) { panic("broken") },
		"an empty identifier":     func(call) (string, error) { return `{"batchItemFailures":[{"itemIdentifier":""}]}`, nil },
		"a null identifier":       func(call) (string, error) { return `{"batchItemFailures":[{"itemIdentifier":null}]}`, nil },
		"a wrong name":            func(call) (string, error) { return `{"batchItemFailures":[{"sequenceNumber":"1"}]}`, nil },
		"an unknown identifier":   func(call) (string, error) { return `{"batchItemFailures":[{"itemIdentifier":"9"}]}`, nil },
		"an unknown one besides":  func(c call) (string, error) { return strings.Replace(c.failing("3", "4"), "4\"", "9\"", 1), nil },
		"a list in place of that": func(call) (string, error) { return `[]`, nil },
		"text":                    func(call) (string, error) { return `"fine"`, nil },
		"no JSON":                 func(call) (string, error) { return `fine`, nil },
	}
	for name, answer := range cases {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := &function{answer: once(answer)}
				log, p := deliverFour(t, f, Mapping{}, Options{})
				drain(t, p)
				wantSeen(t, f, "1 2 3 4 | 1 2 3 4")
				wantPosition(t, log, 4)
			})
		})
	}
}

func TestDeliveryGoesOnFromTheLowestFailure(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := &function{answer: once(func(c call) (string, error) { return c.failing("4", "2", "3"), nil })}
		log, p := deliverFour(t, f, Mapping{}, Options{})
		drain(t, p)
		wantSeen(t, f, "1 2 3 4 | 2 3 4")
		wantPosition(t, log, 4)
	})
}

func TestPositionStandsBeforeTheLowestFailure(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := &function{answer: func(_ context.Context, c call) (string, error) { return c.failing("3"), nil }}
		log, _ := deliverFour(t, f, Mapping{}, Options{})
		time.Sleep(10 * time.Second)
		wantPosition(t, log, 2)
	})
}

func TestAttemptsBackOffWithoutEnd(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := &function{answer: func(context.Context, call) (string, error) { return "", errBroken }}
		deliverFour(t, f, Mapping{}, Options{})
		time.Sleep(24 * time.Hour)
		calls := f.made()
		var pauses []time.Duration
		for i := 1; i < 14; i++ {
			pauses = append(pauses, calls[i].after-calls[i-1].after)
		}
		want := "[100ms 200ms 400ms 800ms 1.6s 3.2s 6.4s 12.8s 25.6s 51.2s 1m0s 1m0s 1m0s]"
		if fmt.Sprint(pauses) != want || len(calls) < 24*60-20 {
			t.Fatalf("%d attempts with pauses %v", len(calls), pauses)
		}
	})
}

func TestPoisonHoldsUpItsShardAlone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newLog()
		f := &function{answer: func(_ context.Context, c call) (string, error) {
			if c.has("poison") {
				return c.failing("poison"), nil
			}
			return "", nil
		}}
		start(t, log, f, Mapping{}, Options{Shards: 16})
		log.add("a", "poison")
		synctest.Wait()
		log.add("a", "behind it")
		log.add("b", "elsewhere")
		synctest.Wait()
		if seen := f.seen(); !strings.Contains(seen, "elsewhere") || strings.Contains(seen, "behind") {
			t.Fatalf("delivered %s", seen)
		}
	})
}

// poisoned fails every batch that holds the record, as a whole.
func poisoned(key string) func(context.Context, call) (string, error) {
	return func(_ context.Context, c call) (string, error) {
		if c.has(key) {
			return "", errBroken
		}
		return "", nil
	}
}

func TestBisectFindsThePoison(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := &function{answer: poisoned("3")}
		deliverFour(t, f, Mapping{Bisect: true}, Options{Backoff: func(int) time.Duration { return time.Hour }})
		time.Sleep(time.Minute)
		wantSeen(t, f, "1 2 3 4 | 1 2 | 3 4 | 3") // and it waits for its next attempt
	})
}

func TestBisectDoesNotUseUpAttempts(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := &function{answer: poisoned("3")}
		dir := t.TempDir()
		log, p := deliverFour(t, f, Mapping{Bisect: true, MaxAttempts: 2}, Options{Failures: dir})
		drain(t, p)
		wantSeen(t, f, "1 2 3 4 | 1 2 | 3 4 | 3 | 3 | 4")
		wantPosition(t, log, 4)
		wantFailure(t, dir, "RetryAttemptsExhausted", 2, "3")
	})
}

func TestReportedFailuresAreNotBisected(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := &function{answer: once(func(c call) (string, error) { return c.failing("1"), nil })}
		_, p := deliverFour(t, f, Mapping{Bisect: true}, Options{})
		drain(t, p)
		wantSeen(t, f, "1 2 3 4 | 1 2 3 4")
	})
}

func TestWithoutBisectTheWholeBatchIsGivenUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := &function{answer: poisoned("3")}
		dir := t.TempDir()
		log, p := deliverFour(t, f, Mapping{MaxAttempts: 3}, Options{Failures: dir})
		drain(t, p)
		wantSeen(t, f, "1 2 3 4 | 1 2 3 4 | 1 2 3 4")
		wantPosition(t, log, 4)
		wantFailure(t, dir, "RetryAttemptsExhausted", 3, "1 2 3 4")
	})
}

func TestRecordsThatBecomeTooOldAreGivenUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log, dir := newLog(), t.TempDir()
		f := &function{answer: poisoned("old")}
		p := start(t, log, f, Mapping{MaxAge: time.Hour}, Options{Failures: dir})
		log.add("a", "old")
		time.Sleep(59 * time.Minute)
		log.add("a", "young")
		drain(t, p)
		calls := f.made()
		if last := calls[len(calls)-1]; last.String() != "young" {
			t.Fatalf("the last call held %s", last)
		}
		if last := calls[len(calls)-2].after; last > time.Hour {
			t.Fatalf("the old record was delivered after %v", last)
		}
		wantFailure(t, dir, "RecordAgeExceeded", 0, "old")
		wantPosition(t, log, 2)
	})
}

func TestRecordsThatAreTooOldAtTheStartAreGivenUpUndelivered(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log, f, dir := newLog(), &function{}, t.TempDir()
		log.add("a", "old")
		time.Sleep(24 * time.Hour)
		log.add("a", "young")
		p := start(t, log, f, Mapping{MaxAge: 23 * time.Hour}, Options{Failures: dir})
		drain(t, p)
		wantSeen(t, f, "young")
		wantFailure(t, dir, "RecordAgeExceeded", 0, "old")
	})
}

// wantFailure demands one failure file, whose payload is fit to be delivered
// again.
func wantFailure(t *testing.T, dir, condition string, tries int, keys string) {
	t.Helper()
	names, err := Failures(dir)
	if err != nil || len(names) != 1 {
		t.Fatalf("failure files %v, %v", names, err)
	}
	failure, err := ReadFailure(dir, names[0])
	if err != nil {
		t.Fatal(err)
	}
	if r := failure.RequestContext; r.Function != "journey" || r.Condition != condition || r.InvokeCount != tries {
		t.Fatalf("the failure says %+v", r)
	}
	again := &function{}
	if _, err := again.call(context.Background(), []byte(failure.Payload)); err != nil {
		t.Fatal(err)
	}
	wantSeen(t, again, keys)
	records := again.made()[0].event.Records
	info := failure.BatchInfo
	if info.BatchSize != len(records) || info.StartSequenceNumber != records[0].DynamoDB.SequenceNumber ||
		info.EndSequenceNumber != records[len(records)-1].DynamoDB.SequenceNumber {
		t.Fatalf("the failure says %+v", info)
	}
	if mode, err := os.Stat(filepath.Join(dir, names[0])); err != nil || mode.Mode().Perm() != 0o600 {
		t.Fatalf("the file is %v, %v", mode, err)
	}
}

func TestNothingIsGivenUpThatCanNotBePutAside(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "failures")
		if err := os.WriteFile(dir, nil, 0o600); err != nil { // a file stands where the folder belongs
			t.Fatal(err)
		}
		f := &function{answer: poisoned("3")}
		log, p := deliverFour(t, f, Mapping{MaxAttempts: 1}, Options{Failures: dir})
		time.Sleep(time.Hour)
		wantPosition(t, log, 0)
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		drain(t, p)
		wantPosition(t, log, 4)
		wantFailure(t, dir, "RetryAttemptsExhausted", 1, "1 2 3 4")
	})
}

func TestAbsentFailuresFolderHoldsNone(t *testing.T) {
	if names, err := Failures(filepath.Join(t.TempDir(), "none")); err != nil || len(names) > 0 {
		t.Fatalf("got %v, %v", names, err)
	}
}

func TestBrokenFailureFileIsAnError(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x.json", "none.json"} {
		if _, err := ReadFailure(dir, name); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func FuzzReadAnswer(f *testing.F) {
	for _, answer := range []string{``, `null`, `{"batchItemFailures":[{"itemIdentifier":"000000000000000000002"}]}`, `[1]`} {
		f.Add([]byte(answer))
	}
	entries := []*entry{{n: 1}, {n: 2}, {n: 3}}
	f.Fuzz(func(t *testing.T, answer []byte) {
		failed, err := readAnswer(answer, entries)
		if failed < whole || failed > len(entries) || (failed == len(entries)) != (err == nil) {
			t.Fatalf("%q fails at %d with %v", answer, failed, err)
		}
	})
}
