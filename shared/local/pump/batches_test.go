package pump

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kesher-io/kesher/shared/flow/delivery"
)

func TestFunctionsGetTheBytesThatLambdaSends(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log, f := newLog(), &function{}
		p := start(t, log, f, Mapping{}, Options{})
		log.add("a", "EVENT#1")
		drain(t, p)
		got := f.made()[0].event.Records[0]
		want := delivery.RecordOf(log.records[0].Change, began)
		want.EventSourceARN = arn
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

func TestFiltersComeBeforeBatches(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log, f := newLog(), &function{}
		only := delivery.Pattern(`{"dynamodb":{"Keys":{"sk":{"S":[{"prefix":"EVENT#"}]}}}}`)
		start(t, log, f, Mapping{Patterns: []delivery.Pattern{only}, BatchSize: 2, Window: time.Minute}, Options{})
		for _, sk := range []string{"GATE", "EVENT#1", "GATE", "AGENDA"} {
			log.add("a", sk)
		}
		synctest.Wait()
		wantSeen(t, f, "") // what is held back does not fill a batch
		log.add("a", "EVENT#2")
		synctest.Wait()
		wantSeen(t, f, "EVENT#1 EVENT#2")
	})
}

func TestRecordsThatAreFilteredOutCountAsHandled(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log, f := newLog(), &function{}
		none := delivery.Pattern(`{"eventName":["REMOVE"]}`)
		p := start(t, log, f, Mapping{Patterns: []delivery.Pattern{none}}, Options{})
		log.add("a", "EVENT#1")
		drain(t, p)
		wantSeen(t, f, "")
		wantPosition(t, log, 1)
	})
}

func TestBatchHoldsAtMostItsSize(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log, f := newLog(), &function{}
		for n := range 5 {
			log.add("a", fmt.Sprint(n))
		}
		p := start(t, log, f, Mapping{BatchSize: 2, Window: time.Second}, Options{})
		drain(t, p)
		wantSeen(t, f, "0 1 | 2 3 | 4")
	})
}

func TestBatchHoldsAtMost6MB(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log, f := newLog(), &function{}
		for n := range 20 {
			at := log.add("a", fmt.Sprint(n))
			log.records[at-1].New.Body = strings.Repeat("x", 390<<10)
		}
		p := start(t, log, f, Mapping{Window: time.Second}, Options{})
		drain(t, p)
		if calls := f.made(); len(calls) != 2 || len(calls[0].keys) != 15 {
			t.Fatalf("delivered %s", f.seen())
		}
	})
}

func TestBatchWaitsForItsWindow(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log, f := newLog(), &function{}
		p := start(t, log, f, Mapping{Window: 5 * time.Second}, Options{})
		log.add("a", "1")
		time.Sleep(3 * time.Second)
		log.add("a", "2")
		drain(t, p)
		wantSeen(t, f, "1 2")
		if f.made()[0].after != 5*time.Second {
			t.Fatalf("delivered after %v", f.made()[0].after)
		}
	})
}

func TestFullBatchDoesNotWait(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log, f := newLog(), &function{}
		p := start(t, log, f, Mapping{BatchSize: 2, Window: time.Hour}, Options{})
		log.add("a", "1")
		log.add("a", "2")
		drain(t, p)
		if f.made()[0].after != 0 {
			t.Fatalf("delivered after %v", f.made()[0].after)
		}
	})
}

func TestWithoutAWindowRecordsGoAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log, f := newLog(), &function{}
		p := start(t, log, f, Mapping{}, Options{})
		for n := range 3 {
			log.add("a", fmt.Sprint(n))
			drain(t, p)
		}
		wantSeen(t, f, "0 | 1 | 2")
	})
}

// crowd counts how many calls are under way.
type crowd struct {
	mu        sync.Mutex
	now, most int
}

func (c *crowd) enter() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now++
	c.most = max(c.most, c.now)
}

func (c *crowd) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now--
}

func (c *crowd) answer(context.Context, call) (string, error) {
	c.enter()
	defer c.leave()
	time.Sleep(time.Second) // of the bubble: all that can run at the same time does
	return "", nil
}

func TestOnePartitionIsOneShardWorkedInOrder(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log, c := newLog(), &crowd{}
		f := &function{answer: c.answer}
		p := start(t, log, f, Mapping{BatchSize: 2}, Options{Shards: 8})
		for n := range 6 {
			log.add("a", fmt.Sprint(n))
		}
		drain(t, p)
		if c.most != 1 || strings.ReplaceAll(f.seen(), " |", "") != "0 1 2 3 4 5" {
			t.Fatalf("%d at a time: %s", c.most, f.seen())
		}
	})
}

func TestShardsAreWorkedAtTheSameTime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log, c := newLog(), &crowd{}
		f := &function{answer: c.answer}
		p := start(t, log, f, Mapping{}, Options{Shards: 4})
		for n := range 50 {
			log.add(fmt.Sprintf("customer %d", n), "1")
		}
		drain(t, p)
		if c.most != 4 {
			t.Fatalf("%d of 4 shards at a time", c.most)
		}
	})
}

func TestParallelizationSplitsAShardAndKeepsEachItemInOrder(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log, c := newLog(), &crowd{}
		f := &function{answer: c.answer}
		for n := range 10 {
			for i := range 6 {
				at := log.add("a", fmt.Sprint("item ", i))
				log.records[at-1].New.V = int64(n)
			}
		}
		p := start(t, log, f, Mapping{BatchSize: 1, Parallelization: 3}, Options{Shards: 1})
		drain(t, p)
		if c.most != 3 {
			t.Fatalf("%d of 3 parts at a time", c.most)
		}
		last := map[string]string{}
		for _, call := range f.made() {
			v := call.event.Records[0].DynamoDB.NewImage["v"].Text
			if before := last[call.keys[0]]; v <= before && before != "" {
				t.Fatalf("%s: version %s came after %s", call.keys[0], v, before)
			}
			last[call.keys[0]] = v
		}
	})
}

func TestCallHasTheFunctionsTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newLog()
		f := &function{answer: func(ctx context.Context, _ call) (string, error) {
			<-ctx.Done()
			return "", nil
		}}
		p := start(t, log, f, Mapping{Timeout: 20 * time.Second}, Options{})
		log.add("a", "1")
		drain(t, p)
		if took := time.Since(began); took != 20*time.Second {
			t.Fatalf("the call was ended after %v", took)
		}
	})
}

func TestRecordsBeyondTheMemoryAreReadAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log, f := newLog(), &function{}
		for n := range 10 {
			log.add("a", fmt.Sprint(n))
		}
		p := start(t, log, f, Mapping{BatchSize: 3, Window: time.Second}, Options{Memory: 1})
		drain(t, p)
		wantSeen(t, f, "0 1 2 | 3 4 5 | 6 7 8 | 9")
		wantPosition(t, log, 10)
	})
}

func TestErasedRecordsAreNotDelivered(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log := newLog()
		f := &function{answer: func(context.Context, call) (string, error) {
			time.Sleep(time.Second) // until the rest stands in line
			log.mu.Lock()
			defer log.mu.Unlock()
			log.erased[3], log.erased[4], log.erased[6] = true, true, true
			return "", nil
		}}
		for n := range 6 {
			log.add("a", fmt.Sprint(n+1))
		}
		p := start(t, log, f, Mapping{BatchSize: 2, Window: time.Second}, Options{Memory: 1})
		drain(t, p)
		wantSeen(t, f, "1 2 | 5")
		wantPosition(t, log, 6)
	})
}

func TestConsumersAreIndependent(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		log, healthy := newLog(), &function{}
		broken := &function{answer: func(context.Context, call) (string, error) { return "", fmt.Errorf("broken") }}
		p, err := Start(log, []Mapping{
			{Consumer: "journey", Function: broken.call},
			{Consumer: "deliver", Function: healthy.call},
		}, Options{Log: silent()})
		if err != nil {
			t.Fatal(err)
		}
		defer stop(t, p)
		log.add("a", "1")
		log.add("b", "2")
		synctest.Wait()
		if got := log.Position("deliver"); got != 2 {
			t.Fatalf("the healthy consumer stands at %d", got)
		}
		wantPosition(t, log, 0)
	})
}

func TestMappingsThatCanNotWorkAreRefused(t *testing.T) {
	for _, m := range []Mapping{
		{Consumer: "journey", Patterns: []delivery.Pattern{`{`}},
		{Consumer: "journey", MaxAge: time.Hour},
		{Consumer: "journey", MaxAttempts: 3},
	} {
		if _, err := Start(newLog(), []Mapping{m}, Options{}); err == nil || !strings.Contains(err.Error(), "journey") {
			t.Errorf("%+v: got %v", m, err)
		}
	}
}
