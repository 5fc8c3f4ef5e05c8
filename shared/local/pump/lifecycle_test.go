package pump

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kesher-io/kesher/shared/local/embedded"
)

func TestDrainOfAnIdlePumpReturnsAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log, f := newLog(), &function{}
		p := start(t, log, f, Mapping{}, Options{})
		drain(t, p)
		log.add("a", "1")
		drain(t, p)
		drain(t, p)
		if took := time.Since(began); took != 0 {
			t.Fatalf("draining took %v", took)
		}
	})
}

func TestDrainWaitsForWhatFunctionsWrite(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newLog()
		f := &function{}
		f.answer = func(_ context.Context, c call) (string, error) {
			if n := len(f.seen()); n < 20 {
				log.add("b", fmt.Sprint(c.keys[0], "+"))
			}
			return "", nil
		}
		p := start(t, log, f, Mapping{}, Options{})
		log.add("a", "1")
		drain(t, p)
		wantSeen(t, f, "1 | 1+ | 1++ | 1+++ | 1++++")
		wantPosition(t, log, 5)
	})
}

func TestDrainEndsWithItsContext(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newLog()
		f := &function{answer: poisoned("1")}
		p := start(t, log, f, Mapping{}, Options{})
		log.add("a", "1")
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := p.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestDrainEndsWithThePump(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newLog()
		f := &function{answer: poisoned("1")}
		p := start(t, log, f, Mapping{}, Options{})
		log.add("a", "1")
		ended := make(chan error)
		go func() { ended <- p.Drain(context.Background()) }()
		synctest.Wait()
		stop(t, p)
		if err := <-ended; err == nil {
			t.Fatal("drain says that all was handled")
		}
	})
}

func TestRestartGoesOnAtTheCheckpoint(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newLog()
		f := &function{}
		p := start(t, log, f, Mapping{}, Options{})
		log.add("a", "1")
		drain(t, p)
		stop(t, p)
		log.add("a", "2")

		f = &function{}
		p = start(t, log, f, Mapping{}, Options{})
		drain(t, p)
		wantSeen(t, f, "2")
	})
}

func TestStopLetsTheCallInHandEndAndBeginsNone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newLog()
		f := &function{answer: func(ctx context.Context, _ call) (string, error) {
			time.Sleep(10 * time.Second)
			return "", ctx.Err()
		}}
		p := start(t, log, f, Mapping{BatchSize: 1}, Options{})
		log.add("a", "1")
		log.add("a", "2")
		synctest.Wait()
		stop(t, p)
		if took := time.Since(began); took != 10*time.Second {
			t.Fatalf("stopping took %v", took)
		}
		wantSeen(t, f, "1")
		wantPosition(t, log, 1)
	})
}

func TestStopEndsCallsWhenItsTimeIsUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newLog()
		f := &function{answer: func(ctx context.Context, _ call) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}}
		p := start(t, log, f, Mapping{}, Options{})
		log.add("a", "1")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := p.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		if took := time.Since(began); took != time.Second {
			t.Fatalf("stopping took %v", took)
		}
		wantPosition(t, log, 0)
	})
}

func TestStopDoesNotWaitForTheNextAttempt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newLog()
		f := &function{answer: poisoned("1")}
		p := start(t, log, f, Mapping{}, Options{Backoff: func(int) time.Duration { return time.Hour }})
		log.add("a", "1")
		synctest.Wait()
		stop(t, p)
		if took := time.Since(began); took != 0 {
			t.Fatalf("stopping took %v", took)
		}
	})
}

// stopsWhenRead is a log whose first reading is overtaken by the pump's stop.
type stopsWhenRead struct {
	*memoryLog
	stop  func()
	reads int
}

func (l *stopsWhenRead) Changes(after uint64, limit int) ([]embedded.Record, error) {
	if l.reads++; l.reads > 1 {
		return nil, errors.New("read after the stop")
	}
	l.stop()
	return l.memoryLog.Changes(after, limit)
}

func TestStopEndsTheReaderAlsoWhenTheLogHasMore(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var p *Pump
		log := &stopsWhenRead{memoryLog: newLog()}
		log.stop = func() {
			go p.Stop(context.Background())
			<-p.stopping
		}
		p = start(t, log, &function{}, Mapping{}, Options{})
		log.add("a", "1")
		p.running.Wait()
		if log.reads != 1 {
			t.Fatalf("the log was read %d times", log.reads)
		}
		wantPosition(t, log, 0)
	})
}

// growsWhenRead is a log whose first change has been erased, and which gets
// another after the reader has found nothing.
type growsWhenRead struct {
	*memoryLog
	grow func()
}

func (l *growsWhenRead) Changes(after uint64, limit int) ([]embedded.Record, error) {
	records, err := l.memoryLog.Changes(after, limit)
	if len(records) == 0 && l.grow != nil {
		l.grow()
		l.grow = nil
	}
	return records, err
}

func TestAChangeThatComesWhileErasedOnesArePassedIsNotPassed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := &growsWhenRead{memoryLog: newLog()}
		log.grow = func() { log.add("b", "2") }
		log.erased[log.add("a", "1")] = true
		f := &function{}
		p := start(t, log, f, Mapping{}, Options{})
		if err := p.Drain(context.Background()); err != nil {
			t.Fatal(err)
		}
		if len(f.calls) != 1 {
			t.Fatalf("%d calls, want one with the later change", len(f.calls))
		}
	})
}
